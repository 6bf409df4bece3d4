// Makes a fake host: a /proc, a /sys and a bpftrace that the tests of host and doctor ask instead of this machine.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import type { Outcome } from '../../../src/bpftrace/tracer.js';
import type { Host } from '../../../src/host/facts.js';
import { makeBtf } from './btf-image.js';

const roots: string[] = [];

/** Removes the files of all fake hosts. */
export const removeHosts = (): void => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
};

export const ALL_CAPS = '000001ffffffffff';
/** What /proc/self/status says of a user. */
export const status = (uid: number, caps: string): string =>
  `Name:\tnode\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapEff:\t${caps}\n`;
export const KALLSYMS = [
  '0000000000000000 T reuseport_select_sock',
  '0000000000000000 t inet_bind_conflict.isra.0',
  '0000000000000000 t tcp_conn_request.cold',
  '0000000000000000 T inet_csk_accept\t[module]',
  '0000000000000000 d inet_csk_get_port',
  '0000000000000000 T register_kprobe',
  '',
].join('\n');

/** The files of a host; null leaves one out. */
export type Files = Record<string, string | Buffer | null>;
export const FILES: Files = {
  'proc/self/status': status(0, ALL_CAPS),
  'proc/self/mounts': 'tracefs /sys/kernel/tracing tracefs rw 0 0\n',
  'proc/sys/kernel/osrelease': '6.12.0-test\n',
  'proc/kallsyms': KALLSYMS,
  'sys/kernel/btf/vmlinux': makeBtf({
    functions: [
      ['reuseport_select_sock', 4],
      ['inet_bind_conflict', 6],
      ['tcp_v4_syn_recv_sock', 7],
    ],
    structs: { sock_reuseport: ['num_closed_socks'] },
  }),
  'sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
  'bin/bpftrace': '',
};

const LOADED: Outcome = { exitCode: 0, stdout: 'Attaching 2 probes...\nloaded\ntick 1\n', stderr: '' };
const PROBES = '/* tracepoint:not:used */\ntracepoint:sock:sk_data_ready { }\ntracepoint:tcp:gone { }\n';

/** A host that allows everything, with changed files (null: absent) and answers; `asked` is what bpftrace got. */
export const fakeHost = (changed: Files = {}, more: Partial<Host> = {}): Host & { asked: string[] } => {
  const root = mkdtempSync(`${tmpdir()}/host-`);
  roots.push(root);
  for (const [path, text] of Object.entries({ ...FILES, ...changed })) {
    if (text === null) continue;
    mkdirSync(dirname(`${root}/${path}`), { recursive: true });
    writeFileSync(`${root}/${path}`, text, { mode: 0o755 });
  }
  const asked: string[] = [];
  return {
    asked,
    proc: `${root}/proc`,
    sys: `${root}/sys`,
    path: `/nowhere:${root}/bin`,
    version: async () => '0.23.2',
    isFunctionsListDenied: async () => false,
    run: async (args, program) => {
      asked.push(args[0] === '-l' ? args.join(' ') : (program.split(' ')[0] ?? ''));
      return args[0] === '-l'
        ? { exitCode: 0, stdout: 'tracepoint:sock:sk_data_ready\n', stderr: '' }
        : LOADED;
    },
    program: (rung) => (rung === 'tracepoint' ? PROBES : null),
    ...more,
  };
};
