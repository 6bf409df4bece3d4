// The types that are cut out of the kernel's: bpftrace makes the same code of a program with them as with all of them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { joinProgram, programParams } from '../../src/bpftrace/program.js';
import { BPFTRACE_ENVIRONMENT, commandLine } from '../../src/bpftrace/tracer.js';
import { cutBtf } from '../../src/host/cutbtf.js';
import { whyNotLive } from './tool.js';

const BTF = '/sys/kernel/btf/vmlinux';

it.skipIf(whyNotLive() !== null)('of the tracepoint rung are all that it needs, and where they were', () => {
  const folder = mkdtempSync(join(tmpdir(), 'types-'));
  try {
    const program = joinProgram('tracepoint');
    const types = cutBtf(readFileSync(BTF), program);
    expect(types?.length).toBeGreaterThan(5000);
    expect(types?.length).toBeLessThan(100_000);
    const path = join(folder, 'types.btf');
    writeFileSync(path, types ?? '');
    const codeBy = (btf: string): string => {
      // 0.17 prints the code and starts nothing.
      const [command, args] = commandLine(['-d', '-', ...programParams([8888], 250)]);
      const env = { ...process.env, ...BPFTRACE_ENVIRONMENT, BPFTRACE_BTF: btf };
      return spawnSync(command, args, { input: program, env, encoding: 'utf8', maxBuffer: 1e8 }).stdout;
    };
    const whole = codeBy(BTF);
    expect(whole).toContain('sys_exit_accept');
    expect(codeBy(path) === whole).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
