import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPlace, NOWHERE, type Place, parseCgroup } from '../../../../src/core/text/place.js';

const ID = '9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d';
const OTHER = '4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970';
const POD = '90d81341-92de-11e7-8cf2-507b9d4141fa';
const POD_ = POD.replaceAll('-', '_');

/** Paths as they stand in public bug reports and documentation of each runtime, the ids replaced. */
const ROWS: readonly (readonly [string, string, Partial<Place>])[] = [
  ['the root', '0::/', {}],
  ['a systemd service', '0::/system.slice/nginx.service', { unit: 'nginx.service' }],
  [
    'an instance of a template in a slice',
    '0::/system.slice/system-gunicorn.slice/gunicorn@web1.service',
    { unit: 'gunicorn@web1.service' },
  ],
  ['a login session', '0::/user.slice/user-1000.slice/session-3.scope', { unit: 'session-3.scope' }],
  [
    "a user's own service",
    '0::/user.slice/user-1000.slice/user@1000.service/app.slice/dev.service',
    { unit: 'dev.service' },
  ],
  ['a service that delegates', '0::/system.slice/haproxy.service/workers/7', { unit: 'haproxy.service' }],
  ['a slice, which is no unit that runs', '0::/system.slice', {}],
  ['a removed cgroup', '0::/system.slice/nginx.service (deleted)', { unit: 'nginx.service' }],
  ['Docker, systemd driver', `0::/system.slice/docker-${ID}.scope`, { runtime: 'docker', container: ID }],
  ['Docker, cgroupfs driver', `0::/docker/${ID}`, { runtime: 'docker', container: ID }],
  [
    'Docker with systemd in it',
    `0::/docker/${ID}/system.slice/nginx.service`,
    { runtime: 'docker', container: ID, unit: 'nginx.service' },
  ],
  ['Docker below another group', `0::/batch/${ID}`, { container: ID }],
  ['Docker in Docker', `0::/docker/${OTHER}/docker/${ID}`, { runtime: 'docker', container: ID }],
  [
    'rootless Docker',
    `0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`,
    { runtime: 'docker', container: ID },
  ],
  [
    'Kubernetes with containerd, systemd driver',
    `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${POD_}.slice/cri-containerd-${ID}.scope`,
    { runtime: 'containerd', container: ID, pod: POD },
  ],
  [
    'a guaranteed pod with CRI-O',
    `0::/kubepods.slice/kubepods-pod${POD_}.slice/crio-${ID}.scope`,
    { runtime: 'cri-o', container: ID, pod: POD },
  ],
  [
    'Kubernetes, cgroupfs driver: the runtime is not in the path',
    `0::/kubepods/besteffort/pod${POD}/${ID}`,
    { container: ID, pod: POD },
  ],
  [
    "systemd's form under containerd's own unit (kubernetes#106514)",
    `0::/system.slice/containerd.service/kubepods-burstable-pod${POD_}.slice:cri-containerd:${ID}`,
    { runtime: 'containerd', container: ID, pod: POD },
  ],
  [
    'a static pod, whose uid is a hash',
    `0::/kubepods/burstable/pod89f4f2cb511c3b0b7e5272cff5ec37bf/${ID}`,
    { container: ID, pod: '89f4f2cb511c3b0b7e5272cff5ec37bf' },
  ],
  [
    'kind: a node in Docker with pods in it',
    `0::/docker/${OTHER}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod${POD_}.slice/cri-containerd-${ID}.scope`,
    { runtime: 'containerd', container: ID, pod: POD },
  ],
  ['nerdctl', `0::/system.slice/nerdctl-${ID}.scope`, { runtime: 'containerd', container: ID }],
  ['rootful Podman', `0::/machine.slice/libpod-${ID}.scope/container`, { runtime: 'podman', container: ID }],
  [
    'rootless Podman',
    `0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`,
    { runtime: 'podman', container: ID },
  ],
  ['Podman, cgroupfs driver', `0::/libpod_parent/libpod-${ID}`, { runtime: 'podman', container: ID }],
  [
    "Podman's monitor, which is outside of the container",
    `0::/machine.slice/libpod-conmon-${ID}.scope`,
    { unit: `libpod-conmon-${ID}.scope` },
  ],
  [
    'LXC 4 and newer',
    '0::/lxc.payload.web/system.slice/nginx.service',
    { runtime: 'lxc', container: 'web', unit: 'nginx.service' },
  ],
  [
    'Proxmox',
    '0::/lxc/101/ns/system.slice/ssh.service',
    { runtime: 'lxc', container: '101', unit: 'ssh.service' },
  ],
  ['the monitor of LXC', '0::/lxc.monitor.web', {}],
  [
    'systemd-nspawn as a service',
    '0::/machine.slice/systemd-nspawn@web\\x2d1.service/payload/system.slice/nginx.service',
    { runtime: 'nspawn', container: 'web-1', unit: 'nginx.service' },
  ],
  [
    'systemd-nspawn from a shell',
    '0::/machine.slice/machine-web.scope/payload',
    { runtime: 'nspawn', container: 'web' },
  ],
  [
    'a virtual machine of libvirt',
    '0::/machine.slice/machine-qemu\\x2d1\\x2ddb.scope/libvirt/emulator',
    { unit: 'machine-qemu\\x2d1\\x2ddb.scope' },
  ],
  [
    'seen from another cgroup namespace, paths lead up from it',
    `0::/../../system.slice/docker-${ID}.scope`,
    { runtime: 'docker', container: ID },
  ],
  [
    'v1: every hierarchy says the same',
    `10:devices:/docker/${ID}\n9:blkio:/docker/${ID}\n1:name=systemd:/docker/${ID}`,
    { runtime: 'docker', container: ID },
  ],
  [
    'v1 and v2: only some hierarchies know the container',
    `3:cpuset:/\n2:cpu,cpuacct:/docker/${ID}\n1:name=systemd:/system.slice/docker.service\n0::/system.slice/containerd.service`,
    { runtime: 'docker', container: ID },
  ],
  [
    'v1 without a container: the unit is in the named hierarchy',
    '4:memory:/user.slice\n2:cpu,cpuacct:/\n1:name=systemd:/system.slice/nginx.service\n0::/',
    { unit: 'nginx.service' },
  ],
  [
    'v1: a unit in a container only in the named hierarchy',
    '4:memory:/lxc/web\n1:name=systemd:/lxc/web/system.slice/nginx.service',
    { runtime: 'lxc', container: 'web', unit: 'nginx.service' },
  ],
  ['a path with colons', '0::/a:b/nginx.service', { unit: 'nginx.service' }],
  // Hostile or broken: what looks almost like a name is none.
  ['an id that is too short', '0::/docker/9ec39b91f3d7', {}],
  ['an id with a letter that is no digit', `0::/docker/${ID.slice(1)}g`, {}],
  ['a pod without a uid', '0::/kubepods/besteffort/pod/x', {}],
  ['a word every object has', `0::/constructor-${ID}.scope`, { unit: `constructor-${ID}.scope` }],
  ['a parent every object has', `0::/__proto__/${ID}`, { container: ID }],
  ['nothing but the suffix', '0::/.service', {}],
  ['no path', '0::nginx.service', {}],
  ['no text', '', {}],
  ['other text', 'nginx.service', {}],
];

describe('the place of a process', () => {
  it.each(ROWS)('%s', (_, text, place) => {
    expect(parseCgroup(`${text}\n`)).toEqual({ ...NOWHERE, ...place });
  });

  it('reads no more lines than there can be', () => {
    expect(parseCgroup(`${'1:cpu:/\n'.repeat(100)}0::/a.service`)).toEqual(NOWHERE);
  });

  it('never throws, and makes no name that the text did not hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        for (const lines of [text, `0::/${text}`, `0::/docker/${text}/x.service`]) {
          const { unit, container, pod } = parseCgroup(lines);
          if (unit !== null) expect(lines).toContain(unit);
          for (const name of [container, pod]) expect((name ?? '').length).toBeLessThanOrEqual(lines.length);
          expect(formatPlace(parseCgroup(lines)) ?? '').not.toMatch(/\p{Cc}/u);
        }
      }),
    );
  });
});

describe('a place in words', () => {
  it.each<[Partial<Place>, string | null]>([
    [{}, null],
    [{ unit: 'nginx.service' }, 'nginx.service'],
    [{ runtime: 'docker', container: ID }, 'docker 9ec39b91f3d7'],
    [{ container: ID }, 'container 9ec39b91f3d7'],
    [{ runtime: 'containerd', container: ID, pod: POD }, 'pod 90d81341 9ec39b91f3d7'],
    [{ pod: POD }, 'pod 90d81341'],
    [{ runtime: 'lxc', container: 'web', unit: 'nginx.service' }, 'lxc web nginx.service'],
    [{ runtime: 'lxc', container: '\u001b[2J\n{red-fg}' }, 'lxc ?[2J?{red-fg}'],
  ])('%o is %s', (place, text) => expect(formatPlace({ ...NOWHERE, ...place })).toBe(text));
});
