// Groups that are made and freed while connections come to them: nothing is attributed to a socket that was never there.
import assert from 'node:assert/strict';
import { numberOf, numbersOf, type Script, startScript } from '../../workloads/script.js';
import { connect, type Server, startServers } from '../../workloads/workload.js';
import { countsOf, picksOf, sameCounts } from '../check.js';
import type { Workload } from '../workload.js';

/** In an emulated guest, whose bpftrace prints few lines a second: at 180 listeners a second all details were lost there. */
const RATES = [20, 30];
const CLIENTS = 101;
const PER_SECOND = 20;

export const churn = (base: number): Workload => {
  const [coming, staying] = [base + 1, base + 2];
  let steady: readonly Server[] = [];
  let counted: ReadonlyMap<number, number> = new Map();
  const inos = new Set<number>();
  let accepted = 0;
  return {
    name: 'groups that are freed while they are read: no pick of a socket that was not there, the others count on',
    before: async () => {
      steady = await startServers(3, { port: staying });
    },
    run: async () => {
      // Two of them: n goes 0, 1, 2 and back, and with the last one the group is freed.
      const churning: readonly Script[] = RATES.map((rate) =>
        startScript('churn.pl', { port: coming, rate }, undefined),
      );
      for (const script of churning) await script.read();
      const [lost, kept] = await Promise.all([
        connect({ port: coming, count: CLIENTS, rate: PER_SECOND, linger0: true }),
        connect({ port: staying, count: CLIENTS, rate: PER_SECOND }),
      ]);
      assert.equal(kept.ok, CLIENTS);
      assert.ok(lost.ok > 0, JSON.stringify(lost));
      for (const script of churning) {
        const said = await script.ask('count');
        accepted += numberOf(said, 'accepted');
        for (const ino of numbersOf(said, 'inos')) inos.add(ino);
        await script.stop();
      }
      counted = await countsOf(steady, CLIENTS);
    },
    check: (tool, closing) => {
      sameCounts(closing, steady, counted);
      const picks = picksOf(tool.events, coming);
      assert.ok(picks.length > 0 && accepted > 0, `${picks.length} picks, ${accepted} accepted`);
      assert.deepEqual(
        picks.filter(({ ino }) => !inos.has(ino)),
        [],
        'picks of sockets that were never there',
      );
      const strange = picks.filter(({ index, n }) => n < 1 || n > 2 || (index ?? n) >= n);
      assert.deepEqual(strange, [], 'places in groups of one and two');
      console.log(
        `  ${inos.size} listeners came and went, ${picks.length} picks shown, ${accepted} accepted`,
      );
    },
  };
};
