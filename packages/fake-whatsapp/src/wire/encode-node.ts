import type { BinaryNode } from './binary-node.js';
import type { TokenDictionary } from './token-dictionary.js';
import { DOMAIN_BYTES, MAX_PACKED_LENGTH, PACKED_CHARACTERS, PACKED_FILLER, TAG } from './token-dictionary.js';

const UNCOMPRESSED = 0;
const DEVICE_JID = /^([^:@_]+):([1-9]\d{0,2})@(s\.whatsapp\.net|lid|hosted|hosted\.lid)$/;
const PACKABLE = [
  { tag: TAG.packedNumber, pattern: /^[-.0-9]+$/ },
  { tag: TAG.packedHex, pattern: /^[0-9A-F]+$/ },
] as const;

/** Writes a stanza in the words of the client's dictionary, uncompressed. */
export function encodeNode(node: BinaryNode, dictionary: TokenDictionary): Buffer {
  const parts: Uint8Array[] = [];

  function bytes(...values: number[]): void {
    parts.push(Buffer.from(values));
  }

  function listStart(length: number): void {
    if (length === 0) bytes(TAG.emptyList);
    else if (length < 1 << 8) bytes(TAG.list8, length);
    else if (length < 1 << 16) bytes(TAG.list16, length >> 8, length & 0xff);
    else throw new Error(`A stanza holds at most 65,535 children, not ${length}`);
  }

  function raw(content: Uint8Array): void {
    const { length } = content;
    if (length < 1 << 8) bytes(TAG.bytes8, length);
    else if (length < 1 << 20) bytes(TAG.bytes20, length >> 16, (length >> 8) & 0xff, length & 0xff);
    else bytes(TAG.bytes32, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff);
    parts.push(content);
  }

  function string(text: string): void {
    const token = dictionary.bytesOf(text);
    const packable = text.length <= MAX_PACKED_LENGTH && PACKABLE.find(({ pattern }) => pattern.test(text));
    const at = text.indexOf('@');
    if (token) bytes(...token);
    else if (packable) packed(packable.tag, text);
    else if (at >= 0 && at < text.length - 1) jid(text, at);
    else raw(Buffer.from(text));
  }

  function packed(tag: number, text: string): void {
    const characters = PACKED_CHARACTERS[tag]!;
    const halves = [...text].map((character) => characters.indexOf(character));
    const isOdd = halves.length % 2 === 1;
    if (isOdd) halves.push(PACKED_FILLER);
    bytes(tag, (halves.length / 2) | (isOdd ? 0x80 : 0));
    for (let index = 0; index < halves.length; index += 2) bytes((halves[index]! << 4) | halves[index + 1]!);
  }

  function jid(text: string, at: number): void {
    const [, user = '', device = '', server = ''] = DEVICE_JID.exec(text) ?? [];
    const domain = DOMAIN_BYTES.find(([name]) => name === server);
    // A device beyond one byte is written out, as every other address that this form cannot hold.
    if (domain && Number(device) < 1 << 8) {
      bytes(TAG.deviceJid, domain[1], Number(device));
      string(user);
      return;
    }
    bytes(TAG.jidPair);
    if (at === 0) bytes(TAG.emptyList);
    else string(text.slice(0, at));
    string(text.slice(at + 1));
  }

  function stanza({ tag, attrs, content }: BinaryNode): void {
    if (!tag) throw new Error('A stanza needs a tag');
    const present = Object.entries(attrs ?? {}).filter(([, value]) => value !== undefined && value !== null);
    listStart(1 + 2 * present.length + (content === undefined ? 0 : 1));
    string(tag);
    for (const [name, value] of present) {
      if (typeof value !== 'string') {
        throw new Error(`Attribute "${name}" of <${tag}> is a ${typeof value}; attributes of a stanza are strings`);
      }
      string(name);
      string(value);
    }
    if (content === undefined) return;
    if (typeof content === 'string') string(content);
    else if (content instanceof Uint8Array) raw(content);
    else if (Array.isArray(content)) {
      listStart(content.length);
      for (const child of content) stanza(child);
    } else {
      throw new Error(`The content of <${tag}> is a ${typeof content}; it takes stanzas, a string or bytes`);
    }
  }

  bytes(UNCOMPRESSED);
  stanza(node);
  return Buffer.concat(parts);
}
