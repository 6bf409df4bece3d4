// Groups of one address and port in several network namespaces, on a live kernel: kept apart, named, asked for one by one, and gone.
import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { findCgroups, withCgroups } from '../workloads/cgroup.js';
import { connect, type Server, startServers, stopAll, withNetns } from '../workloads/workload.js';
import { findingsIn, looks } from './found.js';
import { type Closing, runTool, startTool, whyNotLive } from './tool.js';

const skip = whyNotLive() ?? (findCgroups() === null ? 'no cgroup can be made' : null);
const ID = '9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d';
const PROTOS = ['tcp', 'udp'] as const;

afterEach(stopAll);

const inodeOf = (pid: number | 'self'): number =>
  Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0]);

/** What the tool says of each server's socket. */
const factsOf = (closing: Closing, servers: readonly Server[]) =>
  servers.map(({ ino }) => closing.members.find((member) => member.ino === ino));

describe.skipIf(skip !== null)(`network namespaces${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it('that have the same address and port are three groups: the host, a name, and a container', () =>
    withCgroups((move) =>
      withNetns((named) =>
        withNetns(async (lost) => {
          const port = 10_530;
          const start = (netns: string | undefined, count: number): Promise<Server[]> =>
            Promise.all(
              PROTOS.map((proto) =>
                startServers(count, { port, proto, ...(netns === undefined ? {} : { netns }) }),
              ),
            ).then((groups) => groups.flat());
          const spaces = [await start(undefined, 2), await start(named, 3), await start(lost, 4)];
          const [, , contained = []] = spaces;
          // A container's namespace has no name in /run/netns.
          execFileSync('ip', ['netns', 'delete', lost]);
          for (const { pid } of contained) move(pid, `docker/${ID}`);
          const inside = contained[0]?.pid ?? 0;
          const tool = await startTool(['--port', String(port)]);
          const count = { tcp: 60, udp: 80 };
          for (const [at, netns] of [undefined, named, inside].entries())
            for (const proto of PROTOS)
              await connect({
                port,
                proto,
                count: count[proto] * (at + 1),
                ...(netns === undefined ? {} : { netns }),
              });
          await looks(tool, 5);
          const closing = await tool.finish();
          const inodes = spaces.map(([first]) => inodeOf(first?.pid ?? 0));
          expect(inodes[0]).toBe(inodeOf('self'));
          for (const [at, servers] of spaces.entries()) {
            const facts = factsOf(closing, servers);
            expect(new Set(facts.map((member) => member?.netns))).toEqual(new Set([inodes[at]]));
            expect(new Set(facts.map((member) => member?.container))).toEqual(
              new Set([at === 2 ? ID : null]),
            );
            for (const proto of PROTOS) {
              const ours = facts.filter((member) => member?.proto === proto);
              const taken = ours.map(
                (member) => (proto === 'tcp' ? member?.accepted : member?.received) ?? 0,
              );
              expect(taken.reduce((sum, each) => sum + each, 0)).toBe(count[proto] * (at + 1));
              expect(ours.map((member) => member?.index)).toEqual(ours.map((_, index) => index));
            }
          }
          const split = findingsIn(tool).filter(({ rule }) => rule === 'split');
          expect(split.map(({ text, severity }) => [severity, /in 3 network namespaces/.test(text)])).toEqual(
            [
              ['note', true],
              ['note', true],
            ],
          );
          const { stdout } = await runTool(['--port', String(port), '--once', '--udp']);
          expect(stdout).toMatch(/^udp4 127\.0\.0\.1:10530 {2}2 sockets/m);
          expect(stdout).toContain(`udp4 127.0.0.1:${port}  netns ${named}  `);
          expect(stdout).toMatch(
            new RegExp(`udp4 127\\.0\\.0\\.1:${port} {2}netns ${inodes[2]} .*\\n {2}docker 9ec39b91f3d7`),
          );
          const asked = await Promise.all(
            [named, String(inside), String(inodes[0])].map((netns) =>
              runTool(['--port', String(port), '--netns', netns, '--duration', '0.5', '--output', 'ndjson']),
            ),
          );
          const seen = asked.map(({ stdout: text }) => [
            ...new Set(
              [...text.matchAll(/^\{"kind":"member".*?"netns":(\d+)/gm)].map(([, ino]) => Number(ino)),
            ),
          ]);
          expect(seen).toEqual([[inodes[1]], [inodes[2]], [inodes[0]]]);
        }),
      ),
    ));

  it('that disappear while they are shown leave their counts, and the others go on', async () => {
    const port = 10_531;
    const host = await startServers(2, { port, proto: 'udp' });
    const tool = await startTool(['--port', String(port)]);
    let gone: Server[] = [];
    await withNetns(async (netns) => {
      gone = [
        ...(await startServers(2, { port, netns })),
        ...(await startServers(2, { port, proto: 'udp', netns })),
      ];
      expect((await connect({ port, netns, count: 37 })).ok).toBe(37);
      await connect({ port, netns, proto: 'udp', count: 41 });
      await looks(tool, 2);
      await Promise.all(gone.map((server) => server.stop()));
    });
    await tool.see('their end', (events) =>
      gone.every(({ ino }) => events.some((event) => event.kind === 'close' && event.ino === ino)),
    );
    await connect({ port, proto: 'udp', count: 43 });
    await looks(tool, 2);
    const closing = await tool.finish();
    const facts = factsOf(closing, gone);
    expect(facts.map((member) => member?.listening)).toEqual([false, false, false, false]);
    const sum = (values: readonly (number | null | undefined)[]): number =>
      values.reduce<number>((all, each) => all + (each ?? 0), 0);
    expect(sum(facts.map((member) => member?.accepted))).toBe(37);
    expect(sum(facts.map((member) => member?.received))).toBe(41);
    expect(sum(factsOf(closing, host).map((member) => member?.received))).toBe(43);
    expect(closing).toMatchObject({ exitCode: 0, summary: { malformed: 0, lost: 0 } });
  });
});
