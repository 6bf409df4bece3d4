// What is looked up but is no attempt to connect: repeated SYNs, ACKs with a SYN cookie and stray segments are counted apart.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { countersOf } from '../../live/found.js';
import { numberOf, startScript } from '../../workloads/script.js';
import { connect, holdOpen, type Server, startServers } from '../../workloads/workload.js';
import { countsOf, memberOf, sameCounts } from '../check.js';
import type { Workload } from '../workload.js';

const COOKIES = '/proc/sys/net/ipv4/tcp_syncookies';
/** FIN, none, FIN PSH URG, SYN ACK, RST: a lookup each. */
const STRAYS = [1, 0, 41, 18, 4];
/** ACK: in the kernel's eyes it may carry a cookie. */
const ACK = 16;
/** By cookies, and then without. */
const TURNS = 12;

export const packets = (base: number): Workload => {
  const [cookies, full, stray, mixed] = [base + 1, base + 2, base + 3, base + 4];
  let groups: (readonly Server[])[] = [];
  let counted: ReadonlyMap<number, number> = new Map();
  const usual = readFileSync(COOKIES, 'utf8');
  return {
    name: 'only the first SYN of a connection is a pick: retransmits, cookies and strays are counted by their names',
    before: async () => {
      groups = [
        await startServers(3, { port: cookies }),
        await startServers(1, { port: full, mode: 'stuck', backlog: 2 }),
        await startServers(3, { port: stray }),
        await startServers(1, { port: mixed }),
      ];
    },
    run: async (tool) => {
      // 2: every SYN is answered by a cookie.
      writeFileSync(COOKIES, '2');
      assert.equal((await connect({ port: cookies, count: 37 })).ok, 37);
      // The next handshake often gets the socket of one that came by a cookie and is over.
      for (let i = 0; i < TURNS; i++) {
        writeFileSync(COOKIES, '2');
        assert.equal((await connect({ port: mixed, count: 3, cpu: 0 })).ok, 3);
        writeFileSync(COOKIES, usual);
        assert.equal((await connect({ port: mixed, count: 3, cpu: 0 })).ok, 3);
      }
      assert.equal((await holdOpen({ port: full, count: 3 })).ok, 3);
      // The second SYN of each comes after one second, the third after three.
      assert.equal((await connect({ port: full, count: 5, parallel: 5, timeoutMs: 2000 })).timedout, 5);
      const sent = startScript(
        'segments.pl',
        { port: stray, flags: [...STRAYS, ACK, ACK].join() },
        undefined,
      );
      assert.equal(numberOf(await sent.read(), 'ok'), STRAYS.length + 2);
      assert.equal((await connect({ port: stray, count: 19 })).ok, 19);
      counted = new Map([
        ...(await countsOf(groups[0] ?? [], 37)),
        ...(await countsOf(groups[2] ?? [], 19)),
        ...(await countsOf(groups[3] ?? [], 6 * TURNS)),
      ]);
      await tool.see('the strays', () => countersOf(tool, groups[2] ?? [], 'strays') === STRAYS.length);
    },
    after: () => writeFileSync(COOKIES, usual),
    check: (tool, closing) => {
      const [answered = [], stuck = [], straying = [], mixed = []] = groups;
      sameCounts(closing, [...answered, ...straying, ...mixed], counted);
      const of = (servers: readonly Server[]) =>
        (['retransmits', 'cookies', 'strays'] as const).map((name) => countersOf(tool, servers, name));
      assert.deepEqual(of(answered), [0, 37, 0]);
      // Beside those two, ACKs that come when their connection is over: four were seen.
      const [none, late = 0, strays] = of(straying);
      assert.deepEqual([none, strays], [0, STRAYS.length]);
      assert.ok(late >= 2, `${late} ACKs`);
      // Of one client the third SYN may have come before its two seconds were over on a clock that is emulated.
      const [again = 0, ...rest] = of(stuck);
      assert.deepEqual(rest, [0, 0]);
      const { picks, established, dropped } = stuck.map((server) => memberOf(closing, server))[0] ?? {};
      assert.deepEqual([picks, established, dropped], [8, 3, 5]);
      assert.ok(again >= 5 && again <= 10, `${again} repeated SYNs of 5 clients`);
    },
  };
};
