// A program of its own, because it may have to run in another network namespace: makes one TCP connection from the given address
// and port, prints `connected`, or the name of what went wrong, and holds it until its stdin ends.
import { connect } from 'node:net';

const [from = '', sourcePort = '', to = '', port = ''] = process.argv.slice(2);
const socket = connect({
  host: to,
  port: Number(port),
  localAddress: from,
  localPort: Number(sourcePort),
  family: 4,
});
socket.once('connect', () => process.stdout.write('connected\n'));
// Whatever the server says is not for us.
socket.resume();
socket.on('error', (error: NodeJS.ErrnoException) => {
  process.stdout.write(`${error.code ?? error.message}\n`);
  process.stdin.destroy();
});
process.stdin.resume().once('close', () => socket.destroy());
