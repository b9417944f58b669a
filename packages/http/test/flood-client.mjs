// A process that asks without end: `node flood-client.mjs '<json>'` with `seconds`, `sockets`, `ports`, `path`, `token`
// and `depth`: how many requests each socket has under way; without one it sends as much as the other side takes. It
// prints how many answers came of each status.
import { connect } from 'node:net';

const { seconds, sockets, ports, path, token, depth } = JSON.parse(process.argv[2]);
const request = `GET ${path} HTTP/1.1\r\nhost: x\r\n${token ? `x-api-key: ${token}\r\n` : ''}\r\n`;
const batch = request.repeat(depth ?? 200);
const statuses = {};
let over = false;

for (let at = 0; at < sockets; at += 1) {
  const socket = connect(ports[at % ports.length], '127.0.0.1');
  const push = () => {
    while (!over && socket.write(batch) && !depth);
  };
  let rest = '';
  socket.setEncoding('latin1').on('data', (part) => {
    const text = rest + part;
    for (const [, status] of text.matchAll(/HTTP\/1\.1 (\d{3})/g)) {
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (depth && !over) socket.write(request);
    }
    // A status line may be cut in two; a whole one is not counted twice.
    rest = /H[TP/1. ]*\d{0,2}$/.exec(text.slice(-12))?.[0] ?? '';
  });
  socket.on('connect', push).on('error', () => {});
  if (!depth) socket.on('drain', push);
}
setTimeout(() => {
  over = true;
  console.log(JSON.stringify(statuses));
  process.exit(0);
}, seconds * 1_000);
