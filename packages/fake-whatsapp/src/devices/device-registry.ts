import { createHash } from 'node:crypto';
import { generateRawKeyPair } from './x25519.js';

/** The key under which the devices of an account share settings of chats. Its phone makes it. */
export type AppStateKey = { id: Buffer; data: Buffer };

export type PublicSignedPreKey = { keyId: number; publicKey: Buffer; signature: Buffer };
export type PublicPreKey = { keyId: number; publicKey: Buffer };

/** A person's WhatsApp account, seen as the phone that owns it. */
export type Account = {
  /** Digits only. */
  phone: string;
  /** User part of the account's LID, digits only. */
  lidUser: string;
  /** Push name. */
  name?: string;
  /** Identity key of the phone: it signs the identities of the devices that it links. */
  identityKey: { public: Buffer; private: Buffer };
  /** Made when a device of the account first needs it. */
  appStateKey?: AppStateKey;
  /** Number that the next linked device gets. */
  nextDevice: number;
};

/** A linked device as the server knows it: public keys only. */
export type Device = {
  phone: string;
  device: number;
  /** `<phone>:<device>@s.whatsapp.net` */
  jid: string;
  /** `<lid user>:<device>@lid` */
  lid: string;
  noiseKey: Buffer;
  identityKey?: Buffer;
  registrationId?: number;
  signedPreKey?: PublicSignedPreKey;
  /** One-time prekeys that it uploaded and nobody took yet. */
  preKeys: PublicPreKey[];
  /** Uploaded before this server existed: they count, but nobody can take them. */
  earlierPreKeys?: number;
  /** True from its pairing until its first login, after which the phone hands it the history. */
  awaitsHistory?: boolean;
  /** False after the phone has removed the device: its logins are refused with 401. */
  linked: boolean;
};

/** The registry as plain JSON, keys in base64. Holds private identity keys of simulated phones. */
export type RegistryExport = { version: 1; accounts: string; devices: string };

export type DeviceRegistry = {
  account(phone: string): Account;
  findDevice(phone: string, device: number): Device | undefined;
  addDevice(device: Omit<Device, 'jid' | 'lid' | 'linked' | 'preKeys'>): Device;
  devicesOf(phone: string): Device[];
  devices(): Device[];
  accountByLid(lidUser: string): Account | undefined;
  export(): RegistryExport;
  import(exported: RegistryExport): void;
};

export function createDeviceRegistry(): DeviceRegistry {
  const accounts = new Map<string, Account>();
  const devices = new Map<string, Device>();

  function account(phone: string): Account {
    const known = accounts.get(phone);
    if (known) return known;
    const created: Account = {
      phone,
      lidUser: lidUserOf(phone),
      identityKey: generateRawKeyPair(),
      nextDevice: 1,
    };
    accounts.set(phone, created);
    return created;
  }

  /** A device that is linked again keeps its record: sessions hold on to it. */
  function store(device: Device): Device {
    const key = `${device.phone}:${device.device}`;
    const record = Object.assign(devices.get(key) ?? device, device);
    devices.set(key, record);
    return record;
  }

  return {
    account,
    findDevice: (phone, device) => devices.get(`${phone}:${device}`),
    addDevice(input) {
      const owner = account(input.phone);
      owner.nextDevice = Math.max(owner.nextDevice, input.device + 1);
      return store({
        ...input,
        jid: deviceJid(input.phone, input.device, 's.whatsapp.net'),
        lid: deviceJid(owner.lidUser, input.device, 'lid'),
        preKeys: [],
        linked: true,
      });
    },
    devicesOf: (phone) => [...devices.values()].filter((device) => device.phone === phone),
    devices: () => [...devices.values()],
    accountByLid: (lidUser) => [...accounts.values()].find((candidate) => candidate.lidUser === lidUser),
    export: () => ({
      version: 1,
      accounts: JSON.stringify([...accounts.values()], bufferToBase64),
      devices: JSON.stringify([...devices.values()], bufferToBase64),
    }),
    import(exported) {
      if (exported.version !== 1) throw new Error(`Cannot read a registry of version ${exported.version}`);
      for (const read of JSON.parse(exported.accounts, base64ToBuffer) as Account[]) accounts.set(read.phone, read);
      for (const read of JSON.parse(exported.devices, base64ToBuffer) as Device[]) {
        store(read);
      }
    },
  };
}

export function deviceJid(user: string, device: number, server: 's.whatsapp.net' | 'lid'): string {
  return device === 0 ? `${user}@${server}` : `${user}:${device}@${server}`;
}

/** The digits of a phone number or of the user part of a jid. */
export function phoneOf(jidOrPhone: string): string {
  const phone = (jidOrPhone.split('@')[0] ?? '').split(':')[0]!.replace(/\D/g, '');
  if (phone === '') throw new Error(`"${jidOrPhone}" holds no phone number`);
  return phone;
}

// The same phone has the same LID in every process and after every restart.
function lidUserOf(phone: string): string {
  const digest = createHash('sha256').update(`lid:${phone}`).digest();
  return String(100_000_000_000_000 + (digest.readUIntBE(0, 6) % 900_000_000_000_000));
}

function bufferToBase64(_key: string, value: unknown): unknown {
  // Buffer.toJSON has already run when a replacer sees the value.
  if (typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value) {
    return { base64: Buffer.from(value.data as number[]).toString('base64') };
  }
  return value;
}

function base64ToBuffer(_key: string, value: unknown): unknown {
  if (typeof value === 'object' && value !== null && 'base64' in value && typeof value.base64 === 'string') {
    return Buffer.from(value.base64, 'base64');
  }
  return value;
}
