// Findings about servers as people run them: nginx and HAProxy, at work, reloaded, tested, and with a worker that hangs.
import { readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findServer, signal, stopDaemons } from '../workloads/daemon.js';
import { startHaproxy } from '../workloads/haproxy.js';
import { startNginx } from '../workloads/nginx.js';
import { connect, holdOpen, stopAll } from '../workloads/workload.js';
import { findingsIn, looks, onPort, seeFinding, troublesOn } from './found.js';
import { startTool, type Tool, whyNotLive } from './tool.js';

/** In CI nothing is skipped: its script installs both. */
const whyNot = (server: 'nginx' | 'haproxy'): string | null =>
  whyNotLive() ??
  (process.env.CI === undefined && findServer(server) === null ? `${server} is not installed` : null);
const noted = (skip: string | null): string => (skip === null ? '' : ` (skipped: ${skip})`);
const [noNginx, noHaproxy] = [whyNot('nginx'), whyNot('haproxy')];

const BASE = 10_250;
/** Looks after which a healthy server is known to be quiet. */
const QUIET_LOOKS = 7;

const some = (port: number, count = 120) => connect({ port, count, rate: 60, linger0: true });

describe.skipIf(noNginx !== null && noHaproxy !== null)('real servers', () => {
  let tool: Tool;
  beforeAll(async () => {
    const ports = Array.from({ length: 10 }, (_, index) => BASE + index);
    tool = await startTool(['--port', ports.join(',')]);
  }, 300_000);
  afterEach(async () => {
    await stopAll();
    await stopDaemons();
  });
  afterAll(async () => {
    await tool?.finish();
  });

  describe.skipIf(noNginx !== null)(`nginx${noted(noNginx)}`, () => {
    it('is quiet at work, when reloaded with connections that stay, and when its configuration is tested', async () => {
      const port = BASE;
      const nginx = await startNginx({ port, workers: 3 });
      await some(port);
      const old = nginx.children();
      // Each old worker has some of these, and stays until they end.
      await holdOpen({ port, count: 30 });
      await nginx.reload(3);
      expect(nginx.children().filter((pid) => old.includes(pid)).length).toBeGreaterThan(0);
      expect(nginx.test()).toBe(0);
      await some(port);
      await looks(tool, QUIET_LOOKS);
      expect(troublesOn(tool, port)).toEqual([]);
      // What `nginx -t` did is worth a note, not a warning: it binds without the option, and is refused.
      expect(onPort(tool, port).map(({ rule, severity }) => `${severity} ${rule}`)).toEqual([
        'note bind-refused',
      ]);
    });

    it('shares one socket without SO_REUSEPORT and is not told that the option is not in use', async () => {
      const port = BASE + 1;
      await startNginx({ port, workers: 3, listen: [`127.0.0.1:${port}`] });
      await some(port);
      await looks(tool, QUIET_LOOKS);
      expect(onPort(tool, port)).toEqual([]);
    });

    it('has a worker that hangs: stuck, with its pid; then killed with connections queued: lost at close', async () => {
      const port = BASE + 2;
      const nginx = await startNginx({ port, workers: 3 });
      await some(port);
      // The last worker's socket is the one that a reload with fewer workers gives up.
      const hung = Math.max(...nginx.children());
      signal(hung, 'SIGSTOP');
      await holdOpen({ port, count: 30 });
      const stuck = await seeFinding(tool, port, 'stuck');
      expect(stuck).toMatchObject({ severity: 'problem', evidence: { pid: hung } });
      await nginx.reload(2);
      await some(port, 30);
      signal(hung, 'SIGKILL');
      const lost = await seeFinding(tool, port, 'lost-at-close');
      expect(lost).toMatchObject({ severity: 'problem', evidence: { listenersClosed: 1, listenersLeft: 2 } });
      expect(lost.evidence.connections).toBeGreaterThanOrEqual(Number(stuck.evidence.queue));
    });

    it('leaves an old worker behind that hangs at a reload: a ghost, to who looks only then', async () => {
      const port = BASE + 11;
      const nginx = await startNginx({ port, workers: 3 });
      const hung = Math.max(...nginx.children());
      signal(hung, 'SIGSTOP');
      await nginx.reload(2);
      const late = await startTool(['--port', String(port)]);
      await some(port, 300);
      const ghost = await seeFinding(late, port, 'ghost');
      expect(ghost).toMatchObject({ severity: 'problem', evidence: { pid: hung, holders: 1 } });
      expect(ghost.text).toMatch(new RegExp(`held by pid ${hung} nginx`));
      expect(ghost.advice).toMatch(
        /\(nginx: worker process\) alone keeps it open: end it if it is an old worker/,
      );
      const { members } = await late.finish();
      expect(members.find(({ ino }) => ino === ghost.ino)).toMatchObject({
        pid: hung,
        command: 'nginx: worker process',
        accepted: 0,
      });
    });

    it('listens on the wildcard and on one address of it: split', async () => {
      const port = BASE + 3;
      const listen = [`${port} reuseport`, `127.0.0.1:${port} reuseport`];
      await startNginx({ port, workers: 2, listen });
      await some(port);
      const split = await seeFinding(tool, port, 'split');
      expect(split.text).toMatch(
        /127\.0\.0\.1:\d+ is a group of its own and gets all that comes to that address/,
      );
    });
  });

  describe.skipIf(noHaproxy !== null)(`HAProxy${noted(noHaproxy)}`, () => {
    it('is quiet with a socket for each thread, which are told apart by their thread', async () => {
      const port = BASE + 4;
      const haproxy = await startHaproxy({ port, threads: 4 });
      const late = await startTool(['--port', String(port)]);
      await some(port);
      await looks(tool, QUIET_LOOKS);
      expect(onPort(tool, port)).toEqual([]);
      const { members } = await late.finish();
      const threads = readdirSync(`/proc/${haproxy.pid}/task`).map(Number);
      expect(members.map(({ tid }) => tid).sort()).toEqual(threads.sort());
      expect(members.map(({ pid, command }) => [pid, command?.includes('haproxy -db -f')])).toEqual(
        threads.map(() => [haproxy.pid, true]),
      );
    });

    it('hands its port to a new process while clients come: renumbered, and nothing worse', async () => {
      const port = BASE + 5;
      const old = await startHaproxy({ port, threads: 2 });
      await some(port);
      await looks(tool, 2);
      await startHaproxy({ port, threads: 2, replaces: old });
      await tool.see(
        'the old listeners closed',
        (events) => events.filter((event) => event.kind === 'close' && event.pid === old.pid).length === 2,
      );
      await some(port);
      await seeFinding(tool, port, 'renumbered');
      await looks(tool, QUIET_LOOKS);
      expect(troublesOn(tool, port)).toEqual([]);
    });

    it('runs twice on one port, one of which hangs: stuck, with its pid', async () => {
      const port = BASE + 6;
      await startHaproxy({ port, threads: 1 });
      const hung = await startHaproxy({ port, threads: 1 });
      await some(port);
      signal(hung.pid, 'SIGSTOP');
      await holdOpen({ port, count: 30 });
      const stuck = await seeFinding(tool, port, 'stuck');
      signal(hung.pid, 'SIGCONT');
      expect(stuck).toMatchObject({ evidence: { pid: hung.pid } });
      expect(
        findingsIn(tool)
          .filter(({ ino, rule }) => rule === 'stuck' && ino !== stuck.ino && ino !== null)
          .map(({ group }) => group?.endsWith(` ${port}`)),
      ).not.toContain(true);
    });
  });
});
