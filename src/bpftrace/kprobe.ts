// Derives kprobes and kretprobes from the fentry probes of function/, for kernels without BPF trampolines.

/**
 * Arguments of every function that function/ probes, in the kernel's order, as far as a probe uses them; `_` is one that
 * none uses. They are the same from 4.19 to 7.3 (net/core/sock_reuseport.c, net/ipv4/inet_connection_sock.c, udp.c).
 */
const ARGUMENTS: Readonly<Record<string, readonly ArgumentName[]>> = {
  reuseport_select_sock: ['sk', 'hash', 'skb'],
  reuseport_select_sock_by_hash: ['reuse', 'hash'],
  reuseport_migrate_sock: ['sk', 'migrating_sk'],
  reuseport_alloc: ['sk'],
  reuseport_add_sock: ['sk'],
  reuseport_detach_sock: ['sk'],
  reuseport_attach_prog: ['sk', 'prog'],
  reuseport_detach_prog: ['sk'],
  bpf_sk_reuseport_detach: ['sk'],
  tcp_conn_request: ['_', '_', 'sk', 'skb'],
  inet_csk_complete_hashdance: ['sk'],
  inet_csk_reqsk_queue_add: ['sk'],
  inet_csk_accept: ['sk'],
  inet_csk_listen_stop: ['sk'],
  inet_csk_get_port: ['sk', 'snum'],
  inet_bind_conflict: ['_', 'sk2'],
  inet_child_forget: ['sk', '_', 'child'],
  security_sock_graft: ['sk'],
  __udp_enqueue_schedule_skb: ['sk'],
  skb_consume_udp: ['sk', '_', 'len'],
  udp_lib_unhash: ['sk'],
};

/** By the name, which the kernel uses for one type alone. Of a number the register's upper half may be anything. */
const CASTS = {
  sk: 'struct sock *',
  sk2: 'struct sock *',
  child: 'struct sock *',
  migrating_sk: 'struct sock *',
  skb: 'struct sk_buff *',
  reuse: 'struct sock_reuseport *',
  prog: 'struct bpf_prog *',
  hash: 'uint32',
  snum: 'uint16',
  len: 'int32',
  _: '',
} as const;

type ArgumentName = keyof typeof CASTS;

/** A kretprobe sees a number; these return a `struct sock *`. */
const RETURNS_SOCK: ReadonlySet<string> = new Set([
  'reuseport_select_sock',
  'reuseport_migrate_sock',
  'inet_csk_complete_hashdance',
  'inet_csk_reqsk_queue_add',
]);

/**
 * They run in softirq, where tid is whom it interrupted: 0 on every idle CPU. The others run for a process, which may
 * change its CPU in between.
 */
const IN_SOFTIRQ: ReadonlySet<string> = new Set([...RETURNS_SOCK, '__udp_enqueue_schedule_skb']);

/**
 * The same probe file with kprobes; `name` is the file's. A `kfunc` becomes a `kprobe`. A `kretfunc` sees its arguments,
 * a `kretprobe` does not: a `kprobe` stores those that are used later, if what the predicate asks of arguments holds,
 * and the `kretprobe` takes them from there. Throws when a probe uses an argument that ARGUMENTS does not have.
 */
export const deriveKprobes = (source: string, name: string): string => {
  const stored: Stored[] = [];
  const derived = source.replace(
    /^(kfunc|kretfunc):(\w+)\n(?:\/([^/]+)\/\n)?\{\n([\s\S]*?)^\}\n/gm,
    (_, kind: string, probed: string, predicate: string | undefined, body: string) => {
      const atEntry = withArguments(probed, (index) => `arg${index}`);
      if (kind === 'kfunc') return probe('kprobe', probed, atEntry(predicate ?? ''), atEntry(body));
      const conditions = conjuncts(predicate ?? '');
      const early = conditions.filter((condition) => !isLate(condition));
      const later = [...conditions.filter(isLate).map(orReturn), body].join('');
      const args = argumentsOf(probed).flatMap((arg, index) => (uses(later, arg) ? [index] : []));
      const map = `@${name}_${probed}[${IN_SOFTIRQ.has(probed) ? 'cpu, tid' : 'tid'}]`;
      const place = (index: number): string => (args.length === 1 ? '$in' : `$in.${args.indexOf(index)}`);
      stored.push({ map, zero: tuple(args.map(() => '(uint64)0')) });
      // The first argument is a pointer: 0 where nothing was stored.
      const take = `  $in = ${map};\n  if (${place(args[0] ?? 0)} == 0) { return; }\n  delete(${map});\n`;
      return [
        probe(
          'kprobe',
          probed,
          atEntry(early.join(' && ')),
          `  ${map} = ${tuple(args.map((i) => `arg${i}`))};\n`,
        ),
        probe('kretprobe', probed, '', take + withReturned(probed, withArguments(probed, place)(later))),
      ].join('\n');
    },
  );
  return [derived, ...blocks(stored)].join('\n');
};

/** What is kept from a function's entry to its return: its place, and a value that gives the map its type. */
type Stored = { readonly map: string; readonly zero: string };

/** The maps are typed, for the probe that writes to one may be left out, and end empty, so that none is printed. */
const blocks = (stored: readonly Stored[]): string[] =>
  stored.length === 0
    ? []
    : [
        `BEGIN\n{\n${stored.map(({ map, zero }) => `  ${map} = ${zero}; delete(${map});\n`).join('')}}\n`,
        `END\n{\n${stored.map(({ map }) => `  clear(${map.replace(/\[.*/, '')});\n`).join('')}}\n`,
      ];

const probe = (kind: string, probed: string, predicate: string, body: string): string =>
  `${kind}:${probed}\n${predicate === '' ? '' : `/${predicate}/\n`}{\n${body}}\n`;

/** The parts of a predicate between `&&` outside of parentheses; the whole of it where there is a `||` outside as well. */
const conjuncts = (predicate: string): string[] => {
  let outside = predicate;
  while (/\([^()]*\)/.test(outside)) outside = outside.replace(/\([^()]*\)/g, '');
  if (outside.includes('||')) return [predicate];
  let depth = 0;
  const parts = [''];
  for (const token of predicate.match(/&&\s*|[^&]+|&/g) ?? []) {
    depth += (token.match(/\(/g)?.length ?? 0) - (token.match(/\)/g)?.length ?? 0);
    if (depth === 0 && token.startsWith('&&')) parts.push('');
    else parts[parts.length - 1] += token;
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '');
};

/** What the entry cannot know: the result, and what maps hold by the time of the return. */
const isLate = (condition: string): boolean => /\bretval\b|@/.test(condition);

const orReturn = (condition: string): string => `  if (!(${condition})) { return; }\n`;

const tuple = (values: readonly string[]): string =>
  values.length === 1 ? values.join() : `(${values.join(', ')})`;

const argumentsOf = (probed: string): readonly ArgumentName[] => ARGUMENTS[probed] ?? [];

const uses = (code: string, arg: ArgumentName): boolean => new RegExp(`\\bargs->${arg}\\b`).test(code);

/** Rewrites `args->x` to what `place` says of its index. */
const withArguments =
  (probed: string, place: (index: number) => string) =>
  (code: string): string =>
    code.replace(/\bargs->(\w+)/g, (_, name: string) => {
      const index = argumentsOf(probed).findIndex((arg) => arg !== '_' && arg === name);
      const arg = argumentsOf(probed)[index];
      if (arg === undefined) throw new Error(`a kprobe does not see the argument ${name} of ${probed}`);
      return `((${CASTS[arg]})${place(index)})`;
    });

const withReturned = (probed: string, code: string): string =>
  RETURNS_SOCK.has(probed) ? code.replace(/\bretval\b/g, '((struct sock *)retval)') : code;
