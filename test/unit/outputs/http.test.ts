import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpServer, openHttp, type Pages } from '../../../src/outputs/http.js';

const LIMITS = { connections: 8, requestMs: 300, keepAliveMs: 5000, answerMs: 300, pageMs: 0 };
const text = (body: string) => ({ status: 200, type: 'text/plain', text: body }) as const;

const opened: { server: HttpServer; sockets: Socket[] }[] = [];
afterEach(() => {
  for (const { server, sockets } of opened.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/** A server, and how to talk to it in bytes. */
const open = async (pages: Pages, limits = LIMITS) => {
  const server = await openHttp('127.0.0.1', 0, pages, limits);
  const sockets: Socket[] = [];
  opened.push({ server, sockets });
  const dial = async (): Promise<Socket> => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  return {
    port: server.port,
    dial,
    /** Everything that comes back until the server closes. */
    say: async (bytes: string): Promise<string> => {
      const socket = await dial();
      let said = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
      });
      socket.write(bytes);
      await gone(socket);
      return said;
    },
  };
};

/** Closed by whatever: a connection that is one too many is reset. */
const gone = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => (socket.closed ? resolve(null) : socket.once('close', resolve)));

const get = (path: string, method = 'GET'): string =>
  `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;

describe('openHttp', () => {
  it.each([
    ['a page', get('/a'), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nAAA$/],
    ['a page with a query', get('/a?b=c'), /^HTTP\/1\.1 200 [\s\S]*\r\n\r\nAAA$/],
    [
      'the head of a page alone',
      get('/a', 'HEAD'),
      /^HTTP\/1\.1 200 [\s\S]*content-length: 3\r\n[\s\S]*\r\n\r\n$/,
    ],
    ['a page that is ill', get('/ill'), /^HTTP\/1\.1 503 [\s\S]*\r\n\r\nill$/],
    ['no page of that name', get('/b'), /^HTTP\/1\.1 404 /],
    ['a path that is no URL', get('//['), /^HTTP\/1\.1 404 /],
    ['the name of a method of objects', get('/__proto__'), /^HTTP\/1\.1 404 /],
    [
      'a request that would change something',
      get('/a', 'POST'),
      /^HTTP\/1\.1 405 [\s\S]*allow: GET, HEAD\r\n/,
    ],
    ['DELETE', get('/a', 'DELETE'), /^HTTP\/1\.1 405 /],
    ['what is no HTTP', 'hello\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['headers without end', `GET /a HTTP/1.1\r\nA: ${'a'.repeat(9000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ])('answers %s', async (_, request, expected) => {
    const server = await open({ '/a': () => text('AAA'), '/ill': () => ({ ...text('ill'), status: 503 }) });
    expect(await server.say(request)).toMatch(expected);
  });

  it('sends UTF-8, whatever the text holds', async () => {
    const server = await open({ '/': () => text('é\ud800"') });
    expect(await server.say(get('/'))).toMatch(/content-length: 6\r\n[\s\S]*\r\n\r\né\ufffd"$/);
  });

  it('rejects with the error of a port that is taken', async () => {
    const { port } = await open({});
    await expect(openHttp('127.0.0.1', port, {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('makes a page once for all who ask within its time', async () => {
    let made = 0;
    const server = await open({ '/': () => text(String(++made)) }, { ...LIMITS, pageMs: 60_000 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => server.say(get('/'))));
    expect(answers.map((answer) => answer.at(-1))).toEqual(Array.from({ length: 8 }, () => '1'));
  });

  it('closes on a client that does not finish its request', async () => {
    const server = await open({});
    expect(await server.say('GET / HTTP/1.1\r\n')).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('closes on a client that never reads, and holds one copy of the page for all of them', async () => {
    const page = text('x'.repeat(16 << 20));
    const server = await open({ '/': () => page }, { ...LIMITS, keepAliveMs: 60_000, pageMs: 60_000 });
    const startMs = performance.now();
    const sockets = await Promise.all(Array.from({ length: 8 }, server.dial));
    const before = process.memoryUsage().arrayBuffers;
    const closed = sockets.map((socket) => {
      socket.pause();
      // Pipelined: eight answers of 16 MB each wait for a reader.
      socket.write(get('/').replace('close', 'keep-alive').repeat(8));
      return new Promise((resolve) => {
        // Only a read shows that the other end is gone.
        setTimeout(() => socket.resume(), 4 * LIMITS.answerMs);
        socket.once('close', resolve);
      });
    });
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }, 20);
    await Promise.all(closed);
    clearInterval(watch);
    expect(performance.now() - startMs).toBeLessThan(30_000);
    // Sockets of this same process read what lay in the kernel's buffers; 64 answers would be a gigabyte.
    expect(most).toBeLessThan(128 << 20);
  });

  it('takes no more connections than it may, and others again when those are gone', async () => {
    const server = await open({ '/': () => text('ok') });
    const held = await Promise.all(Array.from({ length: LIMITS.connections }, server.dial));
    expect(await server.say(get('/'))).toBe('');
    for (const socket of held) socket.destroy();
    await Promise.all(held.map(gone));
    await expect.poll(() => server.say(get('/')), { timeout: 5000 }).toMatch(/^HTTP\/1\.1 200 /);
  });
});
