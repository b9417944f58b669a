/**
 * Requests that one connection sends without waiting for answers. Node reads on for as long as no answer is due, and
 * calls for all that it has read in one turn of the event loop: twenty connections that pipeline would keep this
 * process from hearing its store for a minute, without a token. So a connection is not read further until what was
 * read of it is answered, and such requests are answered a few in each turn.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Such requests answered in one turn of the event loop, of all connections. */
const PER_TURN = 50;

interface Pipeline {
  inFlight: number;
  /** More than one was in flight, and not all are answered yet. */
  stands: boolean;
}

const pipelines = new WeakMap<Socket, Pipeline>();
const waiting: (() => void)[] = [];
let turnComes = false;

/** Calls `serve` at once for a request that is alone on its connection, and otherwise when it is its turn. */
export function limitPipeline(incoming: IncomingMessage, outgoing: ServerResponse, serve: () => void): void {
  const { socket, method } = incoming;
  // A body has to be read before it can be answered. HTTP/2 limits its streams itself.
  if ((method !== 'GET' && method !== 'HEAD') || incoming.httpVersionMajor > 1) {
    serve();
    return;
  }
  const pipeline = pipelineOf(socket);
  pipeline.inFlight += 1;
  outgoing.once('close', () => {
    pipeline.inFlight -= 1;
    if (pipeline.inFlight > 0 || !pipeline.stands) return;
    pipeline.stands = false;
    if (!socket.destroyed) socket.resume();
  });
  if (pipeline.inFlight === 1) {
    serve();
    return;
  }
  pipeline.stands = true;
  socket.pause();
  // Who has gone meanwhile is not answered.
  waiting.push(() => {
    if (!socket.destroyed) serve();
  });
  awaitTurn();
}

function awaitTurn(): void {
  if (turnComes) return;
  turnComes = true;
  setImmediate(takeTurn);
}

function pipelineOf(socket: Socket): Pipeline {
  const known = pipelines.get(socket);
  if (known) return known;
  const pipeline: Pipeline = { inFlight: 0, stands: false };
  pipelines.set(socket, pipeline);
  // Node itself reads on after each message, and after each answer.
  socket.on('resume', () => {
    if (pipeline.stands) socket.pause();
  });
  return pipeline;
}

function takeTurn(): void {
  turnComes = false;
  // Taken out at once: under a flood without a pause something always waits, and nothing that was served is kept.
  for (const serve of waiting.splice(0, PER_TURN)) serve();
  if (waiting.length > 0) awaitTurn();
}
