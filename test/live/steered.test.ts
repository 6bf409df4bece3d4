// Groups that a BPF program steers, on a live kernel: what came to whom, and the program by name, type and id (situations of Linux's reuseport_bpf, reuseport_bpf_cpu and reuseport_bpf_numa).
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import type { ProgramEvent } from '../../src/core/event.js';
import { sameButMissed } from '../lab/check.js';
import {
  type ClientOptions,
  connect,
  type Server,
  type ServerOptions,
  setInNetns,
  startServers,
  stopAll,
  withNetns,
} from '../workloads/workload.js';
import { looks, seeFinding } from './found.js';
import { startTool, type Tool, whyNotLive } from './tool.js';

const skip = whyNotLive();

afterEach(stopAll);

/** Member 0 of the group has the program, the others only the address. */
const steered = (
  n: number,
  at: Pick<ServerOptions, 'port' | 'proto' | 'addr' | 'netns' | 'fastopen'>,
  program: ServerOptions,
): Promise<readonly Server[]> => startServers(n, (index) => (index === 0 ? { ...at, ...program } : at));

const countsOf = (servers: readonly Server[]): Promise<number[]> =>
  Promise.all(servers.map((server) => server.count()));

/** What the tool says that each socket's process took. */
const takenOf = (members: Awaited<ReturnType<Tool['finish']>>['members'], servers: readonly Server[]) =>
  servers.map(({ ino }) => {
    const member = members.find((each) => each.ino === ino);
    return (member?.proto === 'udp' ? member.received : member?.accepted) ?? 0;
  });

const programsOf = (tool: Tool): ProgramEvent[] => tool.events.filter((event) => event.kind === 'program');

/** The ids of the programs or links that a process has open, by the kernel's own word. */
const openIds = (pid: number, kind: 'prog' | 'link', key: string): number[] =>
  readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    if (readlinkSync(`/proc/${pid}/fd/${fd}`) !== `anon_inode:bpf${kind === 'link' ? '_link' : '-prog'}`)
      return [];
    const text = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
    return [Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(text)?.[1])];
  });

describe.skipIf(skip !== null)(`steered groups${skip === null ? '' : ` (skipped: ${skip})`}`, () => {
  it.each([
    ['a classic program, UDP over IPv4', 10_601, 'udp', '127.0.0.1', { cbpf: 'mod:3', cbpfWhen: 'after' }, 0],
    ['a classic program, UDP over IPv6', 10_602, 'udp', '::1', { cbpf: 'mod:3', cbpfWhen: 'after' }, 0],
    ['a socket filter, UDP over IPv4', 10_603, 'udp', '127.0.0.1', { ebpf: 'mod:3' }, 1],
    ['a socket filter, UDP over IPv6', 10_604, 'udp', '::1', { ebpf: 'mod:3' }, 1],
    ['a classic program, TCP over IPv4', 10_605, 'tcp', '127.0.0.1', { cbpf: 'mod:3', cbpfWhen: 'after' }, 0],
    ['a socket filter, TCP over IPv6', 10_606, 'tcp', '::1', { ebpf: 'mod:3' }, 1],
  ] as const)(
    '%s: chooses by the payload, and each member has what it chose',
    (_, port, proto, addr, program, type) =>
      withNetns(async (netns) => {
        // The payload of TCP is in the SYN; here, and not for the host, it needs no cookie.
        setInNetns(netns, 'net/ipv4/tcp_fastopen', '0x607');
        const servers = await steered(
          3,
          { port, proto, addr, netns, ...(proto === 'tcp' ? { fastopen: 64 } : {}) },
          program,
        );
        const tool = await startTool(['--port', String(port)]);
        const sent: ClientOptions = { port, proto, addr, netns, number: true, count: 62 };
        expect((await connect(sent)).ok).toBe(62);
        const counts = await countsOf(servers);
        expect(counts).toEqual([21, 21, 20]);
        await looks(tool, 2);
        const { members, summary } = await tool.finish();
        const { missed } = summary;
        sameButMissed('taken', takenOf(members, servers), counts, missed);
        const [first] = programsOf(tool);
        expect(first).toMatchObject(type === 0 ? { type, id: 0, name: '' } : { type, name: 'lab_mod_3' });
        if (proto === 'tcp') {
          // Queued with their SYN, before they are ESTABLISHED: who they are is known all the same.
          const picks = tool.events.filter((event) => event.kind === 'pick');
          const tuples = new Set(picks.map(({ raddr, rport, laddr }) => `${raddr} ${rport} ${laddr}`));
          expect(tuples.size).toBe(picks.length);
          expect(new Set(picks.map(({ raddr, laddr }) => `${raddr} ${laddr}`))).toEqual(
            new Set([`${addr} ${addr}`]),
          );
          const byMember = servers.map(({ ino }) => members.find((each) => each.ino === ino)?.picks ?? 0);
          sameButMissed('picks', byMember, counts, missed);
        }
        expect(summary).toMatchObject({ malformed: 0, lost: 0 });
      }),
  );

  it.each([
    ['tcp', 10_607],
    ['udp', 10_608],
  ] as const)('by the CPU, %s: each member has what came on its own', async (proto, port) => {
    const cpus = Math.min(4, availableParallelism());
    const servers = await steered(cpus, { port, proto }, { cbpf: 'cpu', cbpfWhen: 'after' });
    const tool = await startTool(['--port', String(port)]);
    for (let cpu = 0; cpu < cpus; cpu++) await connect({ port, proto, cpu, count: 40 + 7 * cpu });
    const counts = await countsOf(servers);
    expect(counts).toEqual(servers.map((_, cpu) => 40 + 7 * cpu));
    await looks(tool, 2);
    const { members, summary } = await tool.finish();
    sameButMissed('taken', takenOf(members, servers), counts, summary.missed);
    for (const event of tool.events) if (event.kind === 'pick') expect(event.index).toBe(event.cpu);
  });

  it('by the NUMA node: the member of this node has everything, and the skew names the program', async () => {
    const port = 10_609;
    const servers = await steered(3, { port }, { ebpf: 'numa' });
    const tool = await startTool(['--port', String(port)]);
    await connect({ port, count: 90, cpu: 0 });
    const counts = await countsOf(servers);
    expect(Math.max(...counts)).toBe(90);
    const { text } = await seeFinding(tool, port, 'skew');
    expect(text).toMatch(/: the socket filter program id \d+ "lab_numa" chooses/);
    const { members, summary } = await tool.finish();
    sameButMissed('taken', takenOf(members, servers), counts, summary.missed);
  });

  it('an sk_reuseport program is told by name, type and id until it is detached', async () => {
    const port = 10_610;
    const servers = await steered(2, { port }, { ebpf: 'index' });
    const tool = await startTool(['--port', String(port)]);
    expect((await connect({ port, count: 20 })).ok).toBe(20);
    await looks(tool, 1);
    const [holder] = servers;
    const [id] = openIds(holder?.pid ?? 0, 'prog', 'prog_id');
    expect(id).toBeGreaterThan(0);
    expect(programsOf(tool).at(-1)).toMatchObject({ type: 21, id, name: 'lab_index' });
    await holder?.detach();
    await tool.see('the program to go', () => programsOf(tool).at(-1)?.type === -1);
    expect((await connect({ port, count: 60 })).ok).toBe(60);
    const counts = await countsOf(servers);
    expect(counts[1]).toBeGreaterThan(0);
    await looks(tool, 2);
    const { members, summary } = await tool.finish();
    sameButMissed('taken', takenOf(members, servers), counts, summary.missed);
  });

  it('an sk_lookup program of a network namespace is named before its groups, until it has gone', () =>
    withNetns(async (netns) => {
      const port = 10_612;
      await startServers(2, { port });
      const servers = await steered(2, { port, netns }, { lookup: 'first_of_all' });
      const tool = await startTool(['--port', String(port)]);
      const [holder] = servers;
      const pid = holder?.pid ?? 0;
      const inode = Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0]);
      expect(openIds(pid, 'link', 'netns_ino')).toEqual([inode]);
      const [id] = openIds(pid, 'link', 'prog_id');
      expect((await connect({ port, netns, count: 10 })).ok).toBe(10);
      expect((await connect({ port, count: 10 })).ok).toBe(10);
      const named = (): boolean =>
        tool.events.some(
          (event) =>
            event.kind === 'lookup' &&
            event.netns === inode &&
            event.id === id &&
            event.name === 'first_of_all',
        );
      await tool.see('the program', named);
      await tool.see('the note on it', () =>
        tool.events.some((event) =>
          JSON.stringify(event).includes(`sk_lookup program \\"first_of_all\\" id ${id} `),
        ),
      );
      await holder?.stop();
      await tool.see('its end', (events) =>
        events.some((event) => event.kind === 'lookup' && event.netns === inode && event.place === null),
      );
      await looks(tool, 1);
      const { summary } = await tool.finish();
      const notes = summary.findings.filter(({ text }) => text.includes('sk_lookup'));
      expect(notes.map(({ rule, severity, group }) => [rule, severity, group])).toEqual([
        ['split', 'note', `tcp ${inode} 127.0.0.1 ${port}`],
      ]);
    }));
});
