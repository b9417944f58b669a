/** The bytes that say what follows; every other byte from 1 to 235 is a token. */
export const TAG = {
  emptyList: 0,
  /** Four pages of two-byte tokens: 236 to 239. */
  firstPage: 236,
  lastPage: 239,
  /** Domain, device, user. */
  deviceJid: 247,
  /** Lists, their length in one or two bytes. */
  list8: 248,
  list16: 249,
  /** User, server. */
  jidPair: 250,
  /** Two characters in a byte: 0-9 A-F. */
  packedHex: 251,
  /** Raw bytes, their length in one, two and a half, or four bytes. */
  bytes8: 252,
  bytes20: 253,
  bytes32: 254,
  /** Two characters in a byte: 0-9 - . */
  packedNumber: 255,
} as const;

/** The characters of a packed string by their half byte; 15 fills up an odd number of them. */
export const PACKED_CHARACTERS: Readonly<Record<number, string>> = {
  [TAG.packedHex]: '0123456789ABCDEF',
  [TAG.packedNumber]: '0123456789-.',
};
export const PACKED_FILLER = 15;
export const MAX_PACKED_LENGTH = 127;

/** The domains whose devices have numbers, as the byte that stands for them. */
export const DOMAIN_BYTES: readonly (readonly [server: string, byte: number])[] = [
  ['s.whatsapp.net', 0],
  ['lid', 1],
  ['hosted', 128],
  ['hosted.lid', 129],
];
