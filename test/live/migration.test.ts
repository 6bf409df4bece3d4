// Listeners that close with connections in their queue, where the kernel migrates them: who moved to whom, on a live kernel (the situations of Linux's migrate_reuseport, for queued connections).
import { afterEach, describe, expect, it } from 'vitest';
import {
  holdOpen,
  type ServerOptions,
  setInNetns,
  startServers,
  stopAll,
  withNetns,
} from '../workloads/workload.js';
import { looks, onPort, seeFinding } from './found.js';
import { startTool, whyNotLive } from './tool.js';

const skip = whyNotLive();

afterEach(stopAll);

const QUEUED = 23;

describe.skipIf(skip !== null)(`migration${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it.each<[string, number, string, string, ServerOptions]>([
    ['tcp_migrate_req, IPv4', 10_621, '127.0.0.1', '1', {}],
    ['tcp_migrate_req, IPv6', 10_622, '::1', '1', {}],
    ['a program that migrates, IPv4', 10_623, '127.0.0.1', '0', { ebpf: 'migrate' }],
    ['a program that migrates, IPv6', 10_624, '::1', '0', { ebpf: 'migrate' }],
  ])(
    'by %s: none is lost or counted twice, and who waits unserved is named',
    (_, port, addr, setting, program) =>
      withNetns(async (netns) => {
        setInNetns(netns, 'net/ipv4/tcp_migrate_req', setting);
        const at = { port, addr, netns, mode: 'stuck', backlog: 64 } as const;
        const servers = await startServers(2, (index) => (index === 0 ? { ...at, ...program } : at));
        const [closed, heir] = servers;
        const tool = await startTool(['--port', String(port)]);
        expect((await holdOpen({ port, addr, netns, count: QUEUED })).ok).toBe(QUEUED);
        await looks(tool, 2);
        await closed?.close();
        await seeFinding(tool, port, 'stuck');
        await tool.see('the heir named', () =>
          onPort(tool, port).some(({ ino, evidence }) => ino === heir?.ino && evidence.queue === QUEUED),
        );
        await heir?.resume();
        expect(await heir?.count()).toBe(QUEUED);
        await looks(tool, 2);
        const { members, summary } = await tool.finish();
        const [from, to] = servers.map(({ ino }) => members.find((member) => member.ino === ino));
        expect((from?.picks ?? 0) + (to?.picks ?? 0)).toBe(QUEUED);
        expect([from?.accepted, to?.accepted]).toEqual([0, QUEUED]);
        // A kernel that does not wake the heir (6.18.15) shows no move to the tracepoint rung.
        if (to?.movedTo !== null) {
          expect([from?.movedFrom, to?.movedTo]).toEqual([from?.picks, from?.picks]);
          expect(summary.findings.map(({ rule }) => rule)).not.toContain('lost-at-close');
        }
        expect(summary).toMatchObject({ malformed: 0, lost: 0 });
      }),
  );
});
