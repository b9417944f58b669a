// A process that asks without end: `node flood-client.mjs <seconds> <sockets> <port>...`. It pipelines
// `GET /whatsapp/health/ready` over its sockets, without a token, and prints what came.
import { connect } from 'node:net';

const [seconds, sockets, ...ports] = process.argv.slice(2).map(Number);
const request = 'GET /whatsapp/health/ready HTTP/1.1\r\nhost: x\r\n\r\n';
const batch = request.repeat(200);
const statuses = {};
let over = false;

for (let at = 0; at < sockets; at += 1) {
  const socket = connect(ports[at % ports.length], '127.0.0.1');
  const push = () => {
    while (!over && socket.write(batch));
  };
  let rest = '';
  socket.setEncoding('latin1').on('data', (part) => {
    const text = rest + part;
    for (const [, status] of text.matchAll(/HTTP\/1\.1 (\d{3})/g)) statuses[status] = (statuses[status] ?? 0) + 1;
    // A status line may be cut in two; a whole one is not counted twice.
    rest = /H[TP/1. ]*\d{0,2}$/.exec(text.slice(-12))?.[0] ?? '';
  });
  socket
    .on('connect', push)
    .on('drain', push)
    .on('error', () => {});
}
setTimeout(() => {
  over = true;
  console.log(JSON.stringify(statuses));
  process.exit(0);
}, seconds * 1_000);
