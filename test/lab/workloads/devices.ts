// Listeners of one address, bound to an interface and to none: two groups, found in /proc as one and told apart when they are picked.
import assert from 'node:assert/strict';
import { connect, type Server, startServers } from '../../workloads/workload.js';
import { countsOf, memberOf, sameCounts } from '../check.js';
import type { Workload } from '../workload.js';

export const devices = (base: number): Workload => {
  const everywhere: Server[] = [];
  const bound: Server[] = [];
  let counted: ReadonlyMap<number, number> = new Map();
  return {
    name: 'sockets bound to an interface are a group of their own',
    before: async () => {
      for (const proto of ['tcp', 'udp'] as const) {
        everywhere.push(...(await startServers(2, { port: base + 1, proto })));
        bound.push(...(await startServers(2, { port: base + 1, proto, dev: 'lo' })));
      }
    },
    run: async () => {
      // Younger than the tool: told as it begins to listen.
      bound.push(...(await startServers(1, { port: base + 1, dev: 'lo' })));
      await connect({ port: base + 1, count: 37 });
      await connect({ port: base + 1, count: 23, proto: 'udp' });
      counted = await countsOf([...everywhere, ...bound], 60);
    },
    check: (_, closing) => {
      const isTcp = (server: Server): boolean => memberOf(closing, server).proto === 'tcp';
      sameCounts(closing, [...everywhere, ...bound].filter(isTcp), counted);
      const facts = bound.map((server) => memberOf(closing, server));
      assert.deepEqual(
        facts.map(({ proto, laddr, device, index }) => [proto, laddr, device, index]),
        [
          ['tcp', '127.0.0.1%1', 1, 0],
          ['tcp', '127.0.0.1%1', 1, 1],
          ['udp', '127.0.0.1%1', 1, 0],
          ['udp', '127.0.0.1%1', 1, 1],
          ['tcp', '127.0.0.1%1', 1, 2],
        ],
      );
      for (const server of bound.filter((each) => !isTcp(each)))
        assert.equal(memberOf(closing, server).received, counted.get(server.ino));
      for (const server of everywhere) {
        const { device, laddr, picks } = memberOf(closing, server);
        assert.deepEqual([device, laddr, picks, counted.get(server.ino)], [null, '127.0.0.1', 0, 0]);
      }
    },
  };
};
