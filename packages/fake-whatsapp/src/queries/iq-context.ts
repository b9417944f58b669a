import type { Device, DeviceRegistry } from '../devices/device-registry.js';
import type { KeyBundle } from '../devices/key-bundle.js';
import type { BinaryNode } from '../wire/binary-node.js';

/** What the answers are made of. */
export type IqContext = {
  device: Device;
  registry: DeviceRegistry;
  /** `plenty` claims a full stock of prekeys, so that no upload follows a login. */
  preKeys: 'truthful' | 'plenty';
  /** Takes one prekey bundle of a device out of the directory; undefined where nobody has that jid. */
  takeBundle(jid: string): KeyBundle | undefined;
  isOnWhatsApp(phone: string): boolean;
  /** The device asked to be unlinked. */
  onRemoveDevice(): void;
};

/** The children of the result, or an error in its place. */
export type IqAnswer = BinaryNode[] | { error: { code: string; text: string } } | undefined;
