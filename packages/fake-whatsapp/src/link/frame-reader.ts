const WA_HEADER_MAGIC = Buffer.from('WA');
const ROUTING_MAGIC = Buffer.from('ED');
const WA_HEADER_LENGTH = 4;
const ROUTING_HEADER_LENGTH = 7;
const LENGTH_BYTES = 3;

/** Cuts the byte stream of a client into frames and keeps the intro that precedes the first one. */
export type FrameReader = {
  /** Takes what arrived and returns the frames that are complete now. Throws where the intro is not WhatsApp's. */
  push(chunk: Uint8Array): Buffer[];
  /** `WA`, protocol and dictionary version: the handshake hash begins with these four bytes. */
  readonly waHeader: Buffer | undefined;
  /** The routing info that a client sends back in front of the intro, if it did. */
  readonly routingInfo: Buffer | undefined;
};

export function createFrameReader(): FrameReader {
  let pending: Buffer = Buffer.alloc(0);
  let waHeader: Buffer | undefined;
  let routingInfo: Buffer | undefined;

  function readIntro(): boolean {
    if (pending.length < WA_HEADER_LENGTH) return false;
    let headerAt = 0;
    if (pending.subarray(0, 2).equals(ROUTING_MAGIC)) {
      if (pending.length < ROUTING_HEADER_LENGTH) return false;
      const length = pending.readUIntBE(4, 3);
      headerAt = ROUTING_HEADER_LENGTH + length;
      if (pending.length < headerAt + WA_HEADER_LENGTH) return false;
      routingInfo = pending.subarray(ROUTING_HEADER_LENGTH, headerAt);
    }
    const header = pending.subarray(headerAt, headerAt + WA_HEADER_LENGTH);
    if (!header.subarray(0, 2).equals(WA_HEADER_MAGIC)) {
      throw new Error(`The stream begins with ${header.toString('hex')}, which is not a WhatsApp intro`);
    }
    waHeader = Buffer.from(header);
    pending = pending.subarray(headerAt + WA_HEADER_LENGTH);
    return true;
  }

  return {
    push(chunk) {
      pending = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk]);
      if (!waHeader && !readIntro()) return [];
      const frames: Buffer[] = [];
      while (pending.length >= LENGTH_BYTES) {
        const end = LENGTH_BYTES + pending.readUIntBE(0, LENGTH_BYTES);
        if (pending.length < end) break;
        frames.push(pending.subarray(LENGTH_BYTES, end));
        pending = pending.subarray(end);
      }
      return frames;
    },
    get waHeader() {
      return waHeader;
    },
    get routingInfo() {
      return routingInfo;
    },
  };
}

/** Puts the three length bytes in front of a payload. */
export function frame(payload: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(LENGTH_BYTES + payload.length);
  framed.writeUIntBE(payload.length, 0, LENGTH_BYTES);
  framed.set(payload, LENGTH_BYTES);
  return framed;
}
