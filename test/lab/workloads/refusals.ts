// Every refusal of a port is told with the clause that failed and the socket that holds it; a second bind that works, too.
import assert from 'node:assert/strict';
import type { PortEvent } from '../../../src/core/event.js';
import type { Tool } from '../../live/tool.js';
import { connect, startRefused, startServer } from '../../workloads/workload.js';
import type { Workload } from '../workload.js';

const verdictOf = async (
  tool: Tool,
  port: number,
  test: (event: PortEvent) => boolean,
): Promise<PortEvent> => {
  const isIt = (event: { readonly kind: string }): event is PortEvent =>
    event.kind === 'port' && (event as PortEvent).lport === port && test(event as PortEvent);
  await tool.see(`a verdict on port ${port}`, (events) => events.some(isIt));
  const found = tool.events.findLast(isIt);
  assert.ok(found);
  return found;
};
const isRefused = (event: PortEvent): boolean => event.ret !== 0;

export const refusals = (base: number): Workload => {
  /** What must be said of the last refusal on each port, with the pid of who is in the way. */
  const words = new Map<number, RegExp>();
  return {
    name: 'each refused bind or listen is explained in the right words, and a second bind that works',
    run: async (tool) => {
      const holder = await startServer({ port: base + 1 });
      const free = await verdictOf(tool, base + 1, (event) => event.ino === holder.ino && event.state === 7);
      assert.deepEqual([free.path, free.ret], ['free', 0]);

      const second = await startServer({ port: base + 1 });
      const joined = await verdictOf(
        tool,
        base + 1,
        (event) => event.ino === second.ino && event.state === 7,
      );
      assert.equal(joined.ret, 0);
      assert.ok(joined.path === 'fast' || joined.path === 'checked', joined.path);
      const members = [holder.ino, second.ino];

      assert.equal((await startRefused({ port: base + 1, uid: 1000 })).call, 'bind');
      const uid = await verdictOf(tool, base + 1, (event) => isRefused(event) && event.uid === 1000);
      assert.deepEqual([uid.path, uid.reuseport], ['refused', true]);
      assert.deepEqual([uid.culprit?.uid, uid.culprit?.state, uid.culprit?.reuseport], [0, 10, true]);
      assert.ok(members.includes(uid.culprit?.ino ?? -1), JSON.stringify(uid));

      await startRefused({ port: base + 1, reuseport: false });
      const without = await verdictOf(tool, base + 1, (event) => isRefused(event) && !event.reuseport);
      assert.ok(members.includes(without.culprit?.ino ?? -1), JSON.stringify(without));
      words.set(base + 1, /did not set SO_REUSEPORT before bind\(\)\. In the way: a listener of pid \d+ /);

      const plain = await startServer({ port: base + 2, reuseport: false });
      await startRefused({ port: base + 2 });
      const held = await verdictOf(tool, base + 2, isRefused);
      assert.deepEqual(
        [held.reuseport, held.culprit?.ino, held.culprit?.reuseport],
        [true, plain.ino, false],
      );
      words.set(base + 2, new RegExp(`In the way: a listener of pid ${plain.pid} .* It has no SO_REUSEPORT`));

      // The server closes first and keeps the connection in TIME_WAIT; nobody listens any more.
      const gone = await startServer({ port: base + 3, reuseport: false });
      await connect({ port: base + 3, count: 1, waitEof: true });
      await gone.stop();
      await startRefused({ port: base + 3 });
      const waits = await verdictOf(tool, base + 3, isRefused);
      assert.deepEqual([waits.culprit?.state, waits.culprit?.reuseport], [6, false]);
      words.set(base + 3, /In the way: an old connection \(TIME_WAIT\) on \S+\. It has no SO_REUSEPORT/);

      await startServer({ port: base + 4, cbpf: 0, cbpfWhen: 'before' });
      await startRefused({ port: base + 4, cbpf: 0, cbpfWhen: 'before' });
      const program = await verdictOf(tool, base + 4, isRefused);
      assert.deepEqual([program.hasGroup, program.reuseport, program.culprit?.reuseport], [true, true, true]);
      words.set(base + 4, /A BPF program was attached to this socket before bind\(\)/);

      const both = { port: base + 5, reuseport: false, reuseaddr: true, listen: false };
      const [one, two] = [await startServer(both), await startServer(both)];
      assert.equal(await one.listen(), 0);
      assert.equal(await two.listen(), 98);
      const listening = await verdictOf(tool, base + 5, isRefused);
      assert.deepEqual([listening.state, listening.ino, listening.culprit?.ino], [10, two.ino, one.ino]);
      words.set(
        base + 5,
        new RegExp(
          `listen\\(\\) of .*bind\\(\\) let both in by SO_REUSEADDR.*In the way: a listener of pid ${one.pid} `,
        ),
      );
    },
    check: (_, { summary }) => {
      for (const [port, expected] of words) {
        const said = summary.findings.filter(
          ({ rule, evidence }) => rule === 'bind-refused' && evidence.lport === port,
        );
        assert.equal(said.length, 1, `findings on port ${port}`);
        assert.match(said[0]?.text ?? '', expected);
      }
    },
  };
};
