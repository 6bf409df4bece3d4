// One run of one guest: QEMU's command line, the streams that come out, the verdict.
// Knows nothing of Debian, and of what the job does only when it has ended.

import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { execa } from 'execa';
import { installMissing } from './host.js';
import type { Image } from './image.js';
import { listen, receive } from './port.js';
import { makeProjectDisk } from './project.js';

export type Run = {
  readonly image: Image;
  readonly checkout: string;
  /** An empty directory for sockets and disks, deleted by the caller. */
  readonly scratch: string;
  /** QEMU holds it while it runs: two guests at once make each other miss deadlines. */
  readonly lock: string;
  /** The job as a bash script; in a shell it has the terminal. */
  readonly script: string;
  readonly isShell: boolean;
  readonly deadlineMs: number;
  /** Where the guest's /out lands. */
  readonly outDirectory: string;
  readonly signal: AbortSignal;
};

export type Verdict = {
  /** Exit code of the job; undefined when the guest never told. */
  readonly code: number | undefined;
  /** Why there is no code. */
  readonly failure: string | undefined;
  /** From QEMU's start to the start of the job, by the guest's clock. */
  readonly readySeconds: number | undefined;
  readonly console: string;
};

const ports = ['lab.out', 'lab.err', 'lab.files'] as const;

export async function bootGuest(run: Run): Promise<Verdict> {
  await installMissing({ 'qemu-system-x86_64': 'qemu-system-x86', mke2fs: 'e2fsprogs' });
  // A control character first, so that text is rarely held back as a possible mark.
  const mark = `\x1e${randomBytes(16).toString('hex')}`;
  const settings = { lab_mark: mark, lab_shell: run.isShell ? 'yes' : '' };
  const disk = await makeProjectDisk(run.checkout, run.scratch, { script: run.script, settings });
  const tarPath = join(run.scratch, 'files.tar');
  const consolePath = join(run.scratch, 'console.log');
  const tar = createWriteStream(tarPath);
  const sinks: readonly Writable[] = [process.stdout, process.stderr, tar];
  const listeners = await Promise.all(ports.map((port) => listen(join(run.scratch, port))));

  const deadline = new AbortController();
  const qemu = execa('setpriv', qemuCommand(run, disk, consolePath), {
    cancelSignal: AbortSignal.any([run.signal, deadline.signal]),
    forceKillAfterDelay: 2000,
    reject: false,
    stdin: run.isShell ? 'inherit' : 'ignore',
    stdout: run.isShell ? 'inherit' : 'pipe',
    stderr: 'pipe',
  });
  const waiting = setTimeout(
    () => console.error('lab: waiting for another guest on this machine to end'),
    2000,
  );
  const [first] = listeners;
  let timer: NodeJS.Timeout | undefined;
  const started = first?.connection.then(async () => {
    clearTimeout(waiting);
    if (!run.isShell) timer = setTimeout(() => deadline.abort(), run.deadlineMs);
    else await setOnlcr(false);
  });
  const exited = qemu.then((result) => {
    for (const listener of listeners) listener.close();
    return result;
  });
  try {
    const codes = await Promise.all(
      listeners.map(async ({ connection }, index) => receive(await connection, mark, sinks[index] ?? tar)),
    );
    await started;
    clearTimeout(timer);
    qemu.kill();
    const { stderr } = await exited;
    tar.end();
    await finished(tar);
    const log = await readFile(consolePath, 'utf8').catch(() => '');
    const code = codes.every((one) => one === codes[0]) ? codes[0] : undefined;
    if (code !== undefined) await unpack(tarPath, run.outDirectory);
    const ready = /lab: ready after ([\d.]+) s/.exec(log)?.[1];
    return {
      code,
      failure: code === undefined ? explain(run, deadline.signal.aborted, stderr) : undefined,
      readySeconds: ready === undefined ? undefined : Number(ready),
      console: log,
    };
  } finally {
    clearTimeout(waiting);
    clearTimeout(timer);
    qemu.kill();
    for (const listener of listeners) listener.close();
    if (run.isShell) await setOnlcr(true);
  }
}

function explain(run: Run, isLate: boolean, stderr: string | undefined): string {
  if (run.signal.aborted) return 'interrupted';
  if (isLate) return `no end after ${run.deadlineMs / 1000} s`;
  return stderr ? `QEMU ended early: ${stderr}` : 'the guest ended without a result';
}

/** QEMU makes the terminal raw except for this, and would add a CR to every LF of the guest. */
async function setOnlcr(isOn: boolean): Promise<void> {
  await execa('stty', [isOn ? 'onlcr' : '-onlcr'], { stdin: 'inherit', reject: false });
}

async function unpack(tarPath: string, directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await execa('tar', ['-x', '--no-same-owner', '-f', tarPath, '-C', directory]);
}

/** The arguments of setpriv: it ends QEMU with this process, flock makes it wait its turn. */
function qemuCommand(run: Run, disk: string, consolePath: string): readonly string[] {
  const accel = process.env.LAB_ACCEL ?? 'tcg';
  // Under QEMU 7.2 emulation cmpxchg16b breaks: guests that use it double-fault at random.
  const cpu = accel === 'tcg' ? 'max,-cx16' : 'host';
  // A panic ends QEMU by its reboot. trust_cpu: no waiting for entropy. tsc=reliable: else
  // 6.1 takes the emulated TSC for unstable and reads the slow HPET for every nsecs.
  const kernelArguments = 'console=ttyS0 panic=-1 random.trust_cpu=on tsc=reliable';
  const terminal = ['-chardev', 'stdio,id=terminal,signal=off', '-device', 'virtconsole,chardev=terminal'];
  return [
    ...['--pdeathsig', 'KILL', '--', 'flock', '--no-fork', run.lock, 'qemu-system-x86_64'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-nic', 'none', '-no-reboot'],
    ...['-machine', 'q35', '-accel', accel, '-cpu', cpu, '-smp', '2', '-m', '2G'],
    ...['-kernel', run.image.kernel, '-initrd', run.image.initrd, '-append', kernelArguments],
    // snapshot: writes go to a file that QEMU deletes, the cache stays as it was built.
    ...['-drive', `if=virtio,format=raw,snapshot=on,cache=unsafe,file=${run.image.disk}`],
    ...['-drive', `if=virtio,format=raw,cache=unsafe,file=${disk}`],
    ...['-chardev', `file,id=console,path=${consolePath}`, '-serial', 'chardev:console'],
    ...['-device', 'virtio-serial-pci', ...(run.isShell ? terminal : [])],
    ...ports.flatMap((port) => [
      ...['-chardev', `socket,id=${port},path=${join(run.scratch, port)}`],
      ...['-device', `virtserialport,chardev=${port},name=${port}`],
    ]),
  ];
}
