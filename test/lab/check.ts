// What the lab cases compare: the tool's members against the servers' own counts and ss. It starts nothing by itself.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { scale } from '../../src/core/cause.js';
import type { Event, PickEvent } from '../../src/core/event.js';
import type { MemberFacts } from '../../src/members/facts.js';
import type { Closing } from '../live/tool.js';
import { type Server, waitFor } from '../workloads/workload.js';

/** sock:sk_data_ready came with 6.3: its event class is a symbol. */
export const hasTracepoint = readFileSync('/proc/kallsyms', 'utf8').includes(' __tracepoint_sk_data_ready\n');

/** Generous: two emulated CPUs on a busy host. */
export const SETTLE_MS = 60_000;

/** Waits until the servers together have taken `total`, and returns each one's count by inode. */
export const countsOf = (servers: readonly Server[], total: number): Promise<ReadonlyMap<number, number>> =>
  waitFor(
    `the servers to count ${total}`,
    async () => {
      const counts = await Promise.all(
        servers.map(async (server) => [server.ino, await server.count()] as const),
      );
      const sum = counts.reduce((all, [, count]) => all + count, 0);
      if (sum !== total) throw new Error(`${sum} counted`);
      return new Map(counts);
    },
    SETTLE_MS,
  );

/** picks = established = accepted = what the server counted, for each; and the right process. */
export const sameCounts = (
  closing: Closing,
  servers: readonly Server[],
  counted: ReadonlyMap<number, number>,
): void => {
  const facts = servers.map((server) => memberOf(closing, server));
  assert.deepEqual(
    facts.map(({ ino, pid }) => [ino, pid]),
    servers.map((server) => [server.ino, server.children[0] ?? server.pid]),
    'ino, pid',
  );
  const truth = servers.map((server) => counted.get(server.ino) ?? -1);
  for (const counter of ['picks', 'established', 'accepted'] as const) {
    sameButMissed(
      counter,
      facts.map((member) => member[counter]),
      truth,
      closing.summary.missed,
    );
  }
};

/**
 * Equal, or too low by no more than what the tool says the kernel skipped: a kprobe or tracepoint program is not run
 * while another one is on that CPU (bpf_prog_active in trace_call_bpf), nor a trampoline's while a task that was
 * preempted in the same program is there (prog->active in __bpf_prog_enter_recur); an emulated CPU makes both a
 * thousand times likelier.
 */
export const sameButMissed = (
  what: string,
  seen: readonly number[],
  truth: readonly number[],
  missed: number,
): void => {
  const short = truth.map((count, place) => count - (seen[place] ?? 0));
  const sum = short.reduce((all, count) => all + count, 0);
  if (short.every((count) => count >= 0) && sum <= missed) return;
  assert.deepEqual(seen, truth, `${what}: the kernel is said to have skipped ${missed} probe runs`);
};

export const memberOf = (closing: Closing, server: Server): MemberFacts => {
  const member = closing.members.find(({ ino }) => ino === server.ino);
  assert.ok(
    member,
    `no member with ino ${server.ino} among ${closing.members.map(({ ino }) => ino).join(' ')}`,
  );
  return member;
};

/** The details printed for the connections to a port. */
export const picksOf = (events: readonly Event[], port: number): PickEvent[] =>
  events.filter((event): event is PickEvent => event.kind === 'pick' && event.lport === port);

/** Every pick's index is socks[hash * n >> 32], and the socket there is that of the server that joined as that one. */
export const allByHash = (picks: readonly PickEvent[], servers: readonly Server[]): void => {
  const wrong = picks.filter(
    (pick) =>
      pick.cause !== 'hash' ||
      pick.n !== servers.length ||
      pick.index !== scale(pick.hash ?? -1, pick.n) ||
      pick.ino !== servers[pick.index]?.ino,
  );
  assert.deepEqual(wrong, [], 'picks that the hash does not explain');
};

/** How many picks have which cause. */
export const causesOf = (picks: readonly PickEvent[]): Record<string, number> => {
  const causes: Record<string, number> = {};
  for (const { cause } of picks) causes[String(cause)] = (causes[String(cause)] ?? 0) + 1;
  return causes;
};

/** How many connections of clients to a port are open, as ss says. */
export const stillOpen = (port: number): number =>
  execFileSync('ss', ['-Htn', 'state', 'established', `dport = :${port}`], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '').length;

/** Recv-Q and Send-Q of the listeners on a port by inode, as ss says. */
export const ssQueues = (port: number): ReadonlyMap<number, readonly [number, number]> => {
  const lines = execFileSync('ss', ['-Hltne', `sport = :${port}`], { encoding: 'utf8' })
    .trim()
    .split('\n');
  return new Map(
    lines.map((line) => {
      const [, queue, backlog] = line.split(/\s+/);
      const ino = /ino:(\d+)/.exec(line)?.[1];
      return [Number(ino), [Number(queue), Number(backlog)] as const];
    }),
  );
};
