import { inflateSync } from 'node:zlib';
import type { BinaryNode } from './binary-node.js';
import type { TokenDictionary } from './token-dictionary.js';
import { DOMAIN_BYTES, PACKED_CHARACTERS, PACKED_FILLER, TAG } from './token-dictionary.js';

const COMPRESSED_BIT = 2;
// A frame is at most 16 MB by its length bytes; what grows beyond this was made to fill the memory.
const MAX_INFLATED_BYTES = 64 * 1024 * 1024;

/** Reads a stanza that was written in the words of this dictionary. Throws where it is none. */
export function decodeNode(frame: Uint8Array, dictionary: TokenDictionary): BinaryNode {
  if (frame.length === 0) throw new Error('A stanza came without a byte');
  const body = Buffer.from(frame.buffer, frame.byteOffset + 1, frame.length - 1);
  const data = frame[0]! & COMPRESSED_BIT ? inflateSync(body, { maxOutputLength: MAX_INFLATED_BYTES }) : body;
  let position = 0;

  function take(length: number): Buffer {
    const end = position + length;
    if (end > data.length) throw new Error(`A stanza ends ${end - data.length} bytes too early`);
    const taken = data.subarray(position, end);
    position = end;
    return taken;
  }

  function number(bytes: number): number {
    return take(bytes).readUIntBE(0, bytes);
  }

  /** The length of a list; undefined where the tag begins something else. */
  function listLength(tag: number): number | undefined {
    if (tag === TAG.emptyList) return 0;
    if (tag === TAG.list8) return number(1);
    if (tag === TAG.list16) return number(2);
    return undefined;
  }

  function rawBytes(tag: number): Buffer | undefined {
    if (tag === TAG.bytes8) return take(number(1));
    if (tag === TAG.bytes20) return take(number(3) & 0xfffff);
    if (tag === TAG.bytes32) return take(number(4));
    return undefined;
  }

  function string(tag = number(1)): string {
    if (tag === TAG.emptyList) return '';
    const isPage = tag >= TAG.firstPage && tag <= TAG.lastPage;
    const token = isPage ? dictionary.double(tag - TAG.firstPage, number(1)) : dictionary.single(tag);
    if (token !== undefined) return token;
    const raw = rawBytes(tag);
    if (raw) return raw.toString();
    if (tag === TAG.packedHex || tag === TAG.packedNumber) return packed(tag);
    if (tag === TAG.deviceJid) return deviceJid();
    if (tag === TAG.jidPair) return `${string()}@${string()}`;
    throw new Error(`A stanza holds byte ${tag} where a string begins`);
  }

  function packed(tag: number): string {
    const characters = PACKED_CHARACTERS[tag]!;
    const length = number(1);
    const halves = [...take(length & 0x7f)].flatMap((byte) => [byte >> 4, byte & PACKED_FILLER]);
    if (length & 0x80) halves.pop();
    return halves
      .map((half) => {
        const character = characters[half];
        if (character === undefined) throw new Error(`A packed string holds ${half}, which is no character`);
        return character;
      })
      .join('');
  }

  function deviceJid(): string {
    const domain = number(1);
    const device = number(1);
    const user = string();
    const server = DOMAIN_BYTES.find(([, byte]) => byte === domain)?.[0];
    if (server === undefined) throw new Error(`A jid names domain ${domain}, which does not exist`);
    return device === 0 ? `${user}@${server}` : `${user}:${device}@${server}`;
  }

  function content(): BinaryNode['content'] {
    const tag = number(1);
    const children = listLength(tag);
    if (children !== undefined) return Array.from({ length: children }, stanza);
    return rawBytes(tag) ?? string(tag);
  }

  function stanza(): BinaryNode {
    const length = listLength(number(1));
    if (!length) throw new Error('A stanza begins with something else than a list');
    const tag = string();
    if (tag === '') throw new Error('A stanza came without a tag');
    const attrs: Record<string, string> = {};
    for (let left = (length - 1) >> 1; left > 0; left -= 1) {
      const name = string();
      attrs[name] = string();
    }
    return length % 2 === 0 ? { tag, attrs, content: content() } : { tag, attrs };
  }

  return stanza();
}
