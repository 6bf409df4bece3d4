import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findCommand } from '../../../src/bpftrace/command.js';
import { deriveKprobes } from '../../../src/bpftrace/kprobe.js';
import { functionsOf, joinSources } from '../../../src/bpftrace/program.js';
import { runBpftrace } from '../../../src/bpftrace/tracer.js';
import { packageRoot } from '../../../src/package.js';

const FOLDER = new URL('probes/function/', packageRoot());
const files = readdirSync(FOLDER);
const derived = (file: string): string =>
  joinSources([deriveKprobes(readFileSync(new URL(file, FOLDER), 'utf8'), basename(file, '.bt'))]);

/** What is derived from the lines of a file called f.bt, less empty lines. */
const kprobes = (...lines: string[]): string[] =>
  deriveKprobes(`${lines.join('\n')}\n`, 'f')
    .split('\n')
    .filter((line) => line !== '');

describe('deriving kprobes', () => {
  it.each<[string, string[], string[]]>([
    [
      'an entry keeps its predicate and body; arguments come from registers',
      [
        'kfunc:tcp_conn_request',
        '/args->sk->sk_protocol == 6 &&',
        '  @a[(uint64)args->skb]/',
        '{',
        '  @b = args->sk;',
        '}',
      ],
      [
        'kprobe:tcp_conn_request',
        '/((struct sock *)arg2)->sk_protocol == 6 &&',
        '  @a[(uint64)((struct sk_buff *)arg3)]/',
        '{',
        '  @b = ((struct sock *)arg2);',
        '}',
      ],
    ],
    [
      'a number is cut to its width, for the upper half of a register may be anything',
      ['kfunc:inet_csk_get_port', '/args->snum != 0/', '{', '  @a = 1;', '}'],
      ['kprobe:inet_csk_get_port', '/((uint16)arg1) != 0/', '{', '  @a = 1;', '}'],
    ],
    [
      'a return has its argument from the entry; what the predicate asks of arguments is asked there',
      [
        'kretfunc:reuseport_alloc',
        '/(int32)retval == 0 && args->sk->sk_protocol == 6/',
        '{',
        '  @a = args->sk;',
        '}',
      ],
      [
        'kprobe:reuseport_alloc',
        '/((struct sock *)arg0)->sk_protocol == 6/',
        '{',
        '  @f_reuseport_alloc[tid] = arg0;',
        '}',
        'kretprobe:reuseport_alloc',
        '{',
        '  $in = @f_reuseport_alloc[tid];',
        '  if ($in == 0) { return; }',
        '  delete(@f_reuseport_alloc[tid]);',
        '  if (!((int32)retval == 0)) { return; }',
        '  @a = ((struct sock *)$in);',
        '}',
        'BEGIN',
        '{',
        '  @f_reuseport_alloc[tid] = (uint64)0; delete(@f_reuseport_alloc[tid]);',
        '}',
        'END',
        '{',
        '  clear(@f_reuseport_alloc);',
        '}',
      ],
    ],
    [
      'several arguments are kept together, by CPU as well in softirq, and a returned socket gets its type',
      [
        'kretfunc:reuseport_select_sock',
        '/(uint64)args->skb != 0 &&',
        ' ($1 == 0 || args->sk->sk_num == $1 && $2)/',
        '{',
        '  @a = retval->sk_num + args->hash;',
        '  @b = args->sk;',
        '}',
      ],
      [
        'kprobe:reuseport_select_sock',
        '/(uint64)((struct sk_buff *)arg2) != 0 && ($1 == 0 || ((struct sock *)arg0)->sk_num == $1 && $2)/',
        '{',
        '  @f_reuseport_select_sock[cpu, tid] = (arg0, arg1);',
        '}',
        'kretprobe:reuseport_select_sock',
        '{',
        '  $in = @f_reuseport_select_sock[cpu, tid];',
        '  if ($in.0 == 0) { return; }',
        '  delete(@f_reuseport_select_sock[cpu, tid]);',
        '  @a = ((struct sock *)retval)->sk_num + ((uint32)$in.1);',
        '  @b = ((struct sock *)$in.0);',
        '}',
        'BEGIN',
        '{',
        '  @f_reuseport_select_sock[cpu, tid] = ((uint64)0, (uint64)0); delete(@f_reuseport_select_sock[cpu, tid]);',
        '}',
        'END',
        '{',
        '  clear(@f_reuseport_select_sock);',
        '}',
      ],
    ],
    [
      'what a map holds is asked at the return, when the other probes of the function have run',
      ['kretfunc:inet_bind_conflict', '/@seen[tid]/', '{', '  @a = args->sk2;', '}'],
      [
        'kprobe:inet_bind_conflict',
        '{',
        '  @f_inet_bind_conflict[tid] = arg1;',
        '}',
        'kretprobe:inet_bind_conflict',
        '{',
        '  $in = @f_inet_bind_conflict[tid];',
        '  if ($in == 0) { return; }',
        '  delete(@f_inet_bind_conflict[tid]);',
        '  if (!(@seen[tid])) { return; }',
        '  @a = ((struct sock *)$in);',
        '}',
        'BEGIN',
        '{',
        '  @f_inet_bind_conflict[tid] = (uint64)0; delete(@f_inet_bind_conflict[tid]);',
        '}',
        'END',
        '{',
        '  clear(@f_inet_bind_conflict);',
        '}',
      ],
    ],
    [
      'alternatives are not taken apart',
      ['kretfunc:reuseport_alloc', '/args->sk == 1 && $1 || @a/', '{', '}'],
      [
        'kprobe:reuseport_alloc',
        '{',
        '  @f_reuseport_alloc[tid] = arg0;',
        '}',
        'kretprobe:reuseport_alloc',
        '{',
        '  $in = @f_reuseport_alloc[tid];',
        '  if ($in == 0) { return; }',
        '  delete(@f_reuseport_alloc[tid]);',
        '  if (!(((struct sock *)$in) == 1 && $1 || @a)) { return; }',
        '}',
        'BEGIN',
        '{',
        '  @f_reuseport_alloc[tid] = (uint64)0; delete(@f_reuseport_alloc[tid]);',
        '}',
        'END',
        '{',
        '  clear(@f_reuseport_alloc);',
        '}',
      ],
    ],
    ...['kprobe:tcp_v4_syn_recv_sock', 'tracepoint:tcp:tcp_destroy_sock', 'interval:s:1'].map(
      (head): [string, string[], string[]] => [
        `${head} stays as it is`,
        [head, '/args->sport == 1/', '{', '  @a = args->skaddr;', '}'],
        [head, '/args->sport == 1/', '{', '  @a = args->skaddr;', '}'],
      ],
    ),
  ])('%s', (_, source, expected) => expect(kprobes(...source)).toEqual(expected));

  it('refuses an argument whose place it does not know', () => {
    expect(() => kprobes('kfunc:inet_csk_accept', '{', '  @a = args->flags;', '}')).toThrow(
      'a kprobe does not see the argument flags of inet_csk_accept',
    );
  });
});

describe.each(files)('probes/function/%s as kprobes', (file) => {
  it('is on the same functions, and on none by fentry', () => {
    expect(functionsOf(derived(file))).toEqual(functionsOf(readFileSync(new URL(file, FOLDER), 'utf8')));
    expect(derived(file)).not.toMatch(/^kfunc|^kretfunc/m);
  });

  it.skipIf(findCommand('bpftrace') === null || process.geteuid?.() !== 0)(
    'compiles',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'kprobe-'));
      try {
        // A dry run in every version, which -d is not.
        const outcome = await runBpftrace(['--emit-elf', join(folder, 'program.elf'), '-'], derived(file));
        const errors = outcome.stderr.split('\n').filter((line) => /^stdin:.*ERROR/.test(line));
        expect({ errors, exitCode: outcome.exitCode }).toEqual({ errors: [], exitCode: 0 });
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    60_000,
  );
});
