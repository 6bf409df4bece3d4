// What only many connections, many members or many programs show, by each function rung: `npm run lab -- GUEST long`.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Absent,
  functionsOf,
  joinProgram,
  joinSources,
  PROBE_FILES,
  probeSource,
  programParams,
} from '../../../src/bpftrace/program.js';
import { BPFTRACE_ENVIRONMENT, dropNoise } from '../../../src/bpftrace/tracer.js';
import type { Rung } from '../../../src/core/event.js';
import { askHost, THIS_HOST } from '../../../src/host/facts.js';
import { absentOf, chooseRung } from '../../../src/host/ladder.js';
import { startTool } from '../../live/tool.js';
import { connect, type Server, startServers, stopAll, waitFor } from '../../workloads/workload.js';
import type { Case } from '../case.js';
import { countsOf, hasTracepoint, memberOf, sameButMissed, sameCounts } from '../check.js';

const RUNGS = ['fentry', 'kprobe'] as const;
type FunctionRung = (typeof RUNGS)[number];
const ports = { fentry: 8800, kprobe: 9800 } as const;
const ATTACH_MS = 300_000;

/** What this kernel lacks of what the probes of a rung name. */
const lackOf = async (rung: Rung): Promise<Absent> => {
  const facts = await askHost(THIS_HOST, () => undefined, { tryLoading: false });
  const verdict = chooseRung(facts, rung).verdicts.find((each) => each.rung === rung);
  assert.ok(verdict?.works, `${rung}: ${verdict?.why.join('; ')}`);
  return absentOf(facts, verdict.probes);
};

/** Runs a program by bpftrace itself until `work` is done; returns what it printed when it was asked to end. */
const runProgram = async (program: string, port: number, work: () => Promise<void>): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), 'lab-'));
  const path = join(folder, 'program.bt');
  writeFileSync(path, program);
  const child = spawn('bpftrace', ['-B', 'line', path, ...programParams([port], 1000)], {
    env: { ...process.env, ...BPFTRACE_ENVIRONMENT },
  });
  let [out, err, end] = ['', '', ''];
  child.stdout.on('data', (data: Buffer) => {
    out = (out + data.toString()).slice(-1_000_000);
  });
  child.stderr.on('data', (data: Buffer) => {
    err = (err + data.toString()).slice(-4000);
  });
  child.once('close', (code, signal) => {
    end = String(signal ?? code);
  });
  try {
    const isAttached = (): boolean => {
      if (end !== '') throw new Error(`bpftrace ended (${end}): ${err}`);
      return /^tick \d+$/m.test(out);
    };
    await waitFor('the first tick', isAttached, ATTACH_MS);
    await work();
    // Only what comes now is asked for, and what is kept is bounded.
    out = '';
    child.kill('SIGINT');
    await waitFor('the end of bpftrace', () => end !== '', ATTACH_MS);
    assert.equal(end, '0', err);
    return out;
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
};

const CONNECTIONS = 100_000;
const sumOf = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);

/** What each server counted when none counts more. */
const settled = (servers: readonly Server[]): Promise<ReadonlyMap<number, number>> => {
  let before = -1;
  return waitFor(
    'the servers to be done',
    async () => {
      const counts = await Promise.all(servers.map((server) => server.count()));
      const isSame = sumOf(counts) === before;
      before = sumOf(counts);
      return isSame ? new Map(servers.map(({ ino }, place) => [ino, counts[place] ?? 0])) : null;
    },
    ATTACH_MS,
  );
};

const members = (rung: FunctionRung): Case => ({
  name: `long ${rung}: 300 members have the counts and the indexes that they have`,
  isLong: true,
  run: async () => {
    try {
      const port = ports[rung] + 1;
      const servers = await startServers(300, { port });
      const tool = await startTool(['--port', String(port), '--probe', rung]);
      await connect({ port, count: 3001 });
      const counted = await countsOf(servers, 3001);
      const closing = await tool.finish();
      sameCounts(closing, servers, counted);
      assert.deepEqual(
        servers.map((server) => memberOf(closing, server).index),
        servers.map((_, index) => index),
      );
    } finally {
      await stopAll();
    }
  },
});

/** Every map is printed at the end, because the END block that clears the scratch maps is left out. */
const keys = (rung: FunctionRung): Case => ({
  name: `long ${rung}: 100,000 connections are counted and leave keys of live sockets only`,
  isLong: true,
  run: async () => {
    try {
      const port = ports[rung] + 2;
      const servers = await startServers(4, { port });
      const program = joinProgram(rung, await lackOf(rung)).replace(/^END\n\{[\s\S]*?^\}\n/m, '');
      let counted: ReadonlyMap<number, number> = new Map();
      const printed = await runProgram(program, port, async () => {
        await connect({ port, count: CONNECTIONS, parallel: 2, linger0: true, timeoutMs: 30_000 });
        counted = await settled(servers);
      });
      const last = new Map<string, Map<string, number>>();
      for (const [, map = '', key = '', value] of printed.matchAll(/^@(\w+)\[(\d+)\]: (-?\d+)$/gm)) {
        const known = last.get(map) ?? new Map<string, number>();
        last.set(map, known.set(key, Number(value)));
      }
      const truth = servers.map((server) => counted.get(server.ino) ?? -1);
      for (const map of ['picks', 'established', 'accepted']) {
        const seen = servers.map((server) => last.get(map)?.get(String(server.ino)) ?? -1);
        console.log(`  ${rung} ${map} ${seen.join(' ')}, servers ${truth.join(' ')}`);
        // A reset that overtakes its final ACK by another CPU ends the handshake: that one was picked, and nobody took it.
        const beyond = map === 'picks' ? CONNECTIONS - sumOf(truth) : 0;
        assert.ok(beyond < 10 && sumOf(seen) - sumOf(truth) <= beyond, `${map} beyond what servers counted`);
        // bpftrace alone does not tell what the kernel skipped: one in a thousand is too much.
        const capped = seen.map((count, place) =>
          map === 'picks' ? Math.min(count, truth[place] ?? 0) : count,
        );
        sameButMissed(map, capped, truth, rung === 'kprobe' ? 100 : 0);
        assert.equal(last.get(map)?.size, servers.length, `keys of @${map}`);
      }
      const scratch = ['born', 'bpick', 'from', 'lsk'].map((map) => [map, last.get(map)?.size ?? 0] as const);
      console.log(`  ${rung} keys: ${[...last].map(([map, at]) => `${map} ${at.size}`).join(' ')}`);
      // An accept() or destruction whose kprobe was skipped leaves its key; servers wait inside one accept() each.
      const most = rung === 'kprobe' ? 100 : servers.length;
      for (const [map, size] of scratch) assert.ok(size <= most, `${size} keys left in @${map}`);
    } finally {
      await stopAll();
    }
  },
});

const without = (rung: FunctionRung): Case => ({
  name: `long ${rung}: the program loads and counts without any one of its functions`,
  isLong: true,
  run: async () => {
    try {
      const port = ports[rung] + 3;
      const servers = await startServers(2, { port });
      const lack = await lackOf(rung);
      for (const name of functionsOf(joinProgram(rung, lack))) {
        const program = joinProgram(rung, { ...lack, functions: new Set([...lack.functions, name]) });
        assert.ok(!functionsOf(program).includes(name));
        const printed = await runProgram(program, port, async () => {
          await connect({ port, count: 5 });
        });
        const picks = [...printed.matchAll(/^@picks\[(\d+)\]: (\d+)$/gm)].filter(([, ino]) =>
          servers.some((server) => server.ino === Number(ino)),
        );
        const sum = new Map(picks.map(([, ino, total]) => [ino, Number(total)]));
        const seen = [...sum.values()].reduce((all, total) => all + total, 0);
        console.log(`  ${rung} without ${name}: picks ${seen} of 5`);
        if (name !== 'reuseport_select_sock' && name !== 'inet_csk_complete_hashdance')
          assert.equal(seen, 5, name);
      }
    } finally {
      await stopAll();
    }
  },
});

/** Each file as somebody would run it by hand, but for what this kernel lacks. */
const alone = (rung: Rung): Case => ({
  name: `long ${rung}: every probe file loads by itself`,
  isLong: true,
  run: async () => {
    const lack = await lackOf(rung);
    const folder = mkdtempSync(join(tmpdir(), 'lab-'));
    try {
      for (const file of PROBE_FILES[rung]) {
        const path = join(folder, 'program.bt');
        writeFileSync(path, joinSources([probeSource(rung, file)], lack));
        // Attaches, runs the command, and ends; 0.17 says "Attaching N probes..." on stdout.
        const { status, stderr } = spawnSync('bpftrace', ['-c', '/bin/true', path], {
          encoding: 'utf8',
          env: { ...process.env, ...BPFTRACE_ENVIRONMENT },
          timeout: ATTACH_MS,
        });
        assert.deepEqual([status, dropNoise(stderr.split('\n').filter(Boolean))], [0, []], file);
        console.log(`  ${file} loads`);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
});

export const cases: readonly Case[] = [
  ...(hasTracepoint ? [alone('tracepoint')] : []),
  ...RUNGS.flatMap((rung) => [alone(rung), members(rung), keys(rung), without(rung)]),
];
