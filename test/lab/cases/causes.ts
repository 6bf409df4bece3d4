// Whatever chose in place of the hash is named: SO_INCOMING_CPU, classic and eBPF programs, and what they left to the hash.
import assert from 'node:assert/strict';
import { scale } from '../../../src/core/cause.js';
import { startTool } from '../../live/tool.js';
import { connect, type ServerOptions, startServers, stopAll } from '../../workloads/workload.js';
import type { Case } from '../case.js';
import { causesOf, clean, countsOf, FUNCTION_RUNGS, memberOf, picksOf, sameCounts } from '../check.js';

/** Attached to the first of three members, after it listens. */
const first =
  (options: ServerOptions): ((index: number) => ServerOptions) =>
  (index) =>
    index === 0 ? options : { port: options.port ?? 0 };

export const cases: readonly Case[] = FUNCTION_RUNGS.map((rung) => ({
  name: `the cause of every pick is named on the ${rung} rung`,
  run: async () => {
    try {
      const classic = await startServers(3, first({ port: 8101, cbpf: 1, cbpfWhen: 'after' }));
      const outside = await startServers(3, first({ port: 8102, cbpf: 9, cbpfWhen: 'after' }));
      const select = await startServers(3, (index) =>
        index === 2 ? { port: 8103, ebpf: 'index' } : { port: 8103 },
      );
      const pass = await startServers(3, first({ port: 8104, ebpf: 'pass' }));
      const drop = await startServers(3, first({ port: 8105, ebpf: 'drop' }));
      const cpus = await startServers(2, (index) => ({ port: 8106, incomingCpu: index }));
      const tool = await startTool(['--probe', rung]);
      for (const port of [8101, 8102, 8103, 8104, 8106])
        assert.equal((await connect({ port, count: 31 })).ok, 31);
      assert.equal((await connect({ port: 8105, count: 7 })).refused, 7);
      const served = [classic, outside, select, pass, cpus];
      const counted = new Map<number, number>();
      for (const group of served)
        for (const [ino, count] of await countsOf(group, 31)) counted.set(ino, count);
      const closing = await tool.finish();
      for (const group of served) sameCounts(closing, group, counted);

      const causes = (port: number): Record<string, number> => causesOf(picksOf(tool.events, port));
      assert.deepEqual(causes(8101), { bpf: 31 });
      assert.deepEqual(new Set(picksOf(tool.events, 8101).map((pick) => pick.index)), new Set([1]));
      assert.deepEqual(causes(8102), { 'bpf-fallback': 31 });
      assert.deepEqual(causes(8103), { bpf: 31 });
      assert.deepEqual(new Set(picksOf(tool.events, 8103).map((pick) => pick.index)), new Set([2]));
      assert.deepEqual(causes(8104), { 'bpf-fallback': 31 });
      for (const pick of [...picksOf(tool.events, 8102), ...picksOf(tool.events, 8104)]) {
        assert.equal(pick.index, scale(pick.hash ?? -1, pick.n));
      }
      assert.deepEqual(causes(8106), { 'incoming-cpu': 31 });
      for (const pick of picksOf(tool.events, 8106)) assert.equal(pick.index, pick.cpu);
      const refused = tool.events.filter((event) => event.kind === 'refused');
      assert.equal(refused.length, 7);
      assert.deepEqual(
        drop.map((server) => memberOf(closing, server).picks),
        [0, 0, 0],
      );

      const programs = tool.events.flatMap((event) => (event.kind === 'program' ? [event.type] : []));
      assert.ok(programs.includes(0) && programs.includes(21), `program types seen: ${programs.join(' ')}`);
      clean(tool, closing);
    } finally {
      await stopAll();
    }
  },
}));
