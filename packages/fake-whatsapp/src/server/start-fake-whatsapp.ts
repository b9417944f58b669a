import { Agent } from 'node:https';
import { loadBaileys } from '../baileys/load-baileys.js';
import { createDeviceRegistry, type Device } from '../devices/device-registry.js';
import { generateX25519KeyPair } from '../devices/x25519.js';
import { issueCertificateChain, processRootKey, ROOT_SERIAL } from '../link/certificate-chain.js';
import { createConnection, type ServerConnection } from '../link/connection.js';
import { createPlanQueue } from '../link/connection-plan.js';
import { createPostOffice } from '../messages/post-office.js';
import { createCredentials } from '../pairing/create-credentials.js';
import { createPairingDesk } from '../pairing/pairing.js';
import { answerIq } from '../queries/answer-iq.js';
import { createSession, type ServerSession } from '../session/session.js';
import type { HistoryEntry, Session } from '../session/session-view.js';
import { createWaiter } from '../session/waiter.js';
import { type BinaryNode, childOf } from '../wire/binary-node.js';
import type { FakeWhatsApp, FakeWhatsAppOptions } from './fake-whatsapp.js';
import { openListener } from './listener.js';
import { logIn } from './login.js';
import { createSelfSignedCertificate } from './self-signed-certificate.js';
import { installTrust } from './trust.js';

/**
 * Starts a WhatsApp Web server on loopback to which unmodified Baileys connects.
 *
 * @throws Error where the port is taken, another root is trusted in this process already, or no Baileys is found.
 * @example
 * const wa = await startFakeWhatsApp();
 * const creds = wa.createCredentials({ phone: '4915112345678' });
 * const sock = makeWASocket({ ...wa.socketConfig(), auth: createMemoryAuthState(creds) });
 * await wa.session('4915112345678').waitForLogin();
 * wa.session('4915112345678').goSilent();
 */
export async function startFakeWhatsApp(options: FakeWhatsAppOptions = {}): Promise<FakeWhatsApp> {
  const baileys = await loadBaileys(options.baileys);
  const rootKey = options.rootKey ?? processRootKey();
  const trust = { publicKey: rootKey.publicKey, serial: ROOT_SERIAL };
  const staticKey = generateX25519KeyPair();
  const identity = { staticKey, certificateChain: issueCertificateChain(rootKey, staticKey.publicKey, baileys) };
  const streamOptions = { baileys, identity, firstStanzaDelayMs: options.firstStanzaDelayMs ?? 30 };
  const registry = createDeviceRegistry();
  if (options.registry) registry.import(options.registry);
  const tls = options.tls === true ? createSelfSignedCertificate() : options.tls;
  const releases: (() => void)[] = [];
  const plans = createPlanQueue(options.plan);
  const waiter = createWaiter(describe);
  const post = createPostOffice(registry, waiter, baileys);
  const sessions = new Map<string, ServerSession>();
  const connections = new Set<ServerConnection>();
  const stanzaListeners = new Set<(session: Session, node: BinaryNode) => void>();
  const eventListeners = new Set<(session: Session, entry: HistoryEntry) => void>();
  let lastConnectionId = 0;
  let accepted = 0;
  let refused = 0;
  let lastWarning: string | undefined;

  function warn(line: string): void {
    lastWarning = line;
    if (options.onWarning) options.onWarning(line);
    else process.emitWarning(line, 'FakeWhatsAppWarning');
  }

  function installCertificate(): () => void {
    const release = installTrust(trust, baileys.WA_CERT_DETAILS);
    releases.push(release);
    return release;
  }

  function releaseCertificate(): void {
    for (const release of releases) release();
  }

  function sessionOf(device: Device): ServerSession {
    let session = sessions.get(device.jid);
    if (!session) {
      const made = createSession(
        device,
        post.mailboxOf(device),
        (entry) => {
          for (const listener of eventListeners) listener(made, entry);
          waiter.changed();
        },
        waiter,
      );
      session = made;
      sessions.set(device.jid, session);
    }
    return session;
  }

  function sessionOfConnection(connection: ServerConnection): ServerSession | undefined {
    return connection.jid === undefined ? undefined : sessions.get(connection.jid);
  }

  function findSession(jidOrPhone: string): ServerSession {
    const all = registry.devices().map(sessionOf);
    const [user = '', server] = jidOrPhone.split('@');
    const phone = server === undefined ? user.replace(/\D/g, '') : user;
    const found = all.findLast(
      (session) =>
        session.jid === jidOrPhone ||
        session.lid === jidOrPhone ||
        (server !== 'lid' && session.phone === phone) ||
        (server === 'lid' && session.lid.split(':')[0] === user),
    );
    if (found) return found;
    throw new Error(`No device is linked as ${jidOrPhone}. The server sees: ${describe()}`);
  }

  function describe(): string {
    const lines = [...sessions.values()].map(({ jid, state, logins }) => `${jid} ${state} (${logins} logins)`);
    const strangers = [...connections].filter(({ jid }) => jid === undefined);
    lines.push(...strangers.map(({ id, state }) => `connection ${id} ${state}`));
    const seen = lines.join(', ') || 'nobody';
    return lastWarning === undefined ? seen : `${seen}. Its last warning: ${lastWarning}`;
  }

  const desk = createPairingDesk({
    baileys,
    registry,
    qrRefs: options.qrRefs ?? 6,
    waiter,
    sessionOf,
  });

  function receive(connection: ServerConnection, node: BinaryNode): void {
    const session = sessionOfConnection(connection);
    if (!session || session.onlineConnection !== connection) {
      desk.receive(connection, node);
      return;
    }
    for (const listener of stanzaListeners) listener(session, node);
    if (node.tag === 'iq' && (node.attrs.type === 'get' || node.attrs.type === 'set')) {
      if (connection.isIgnored(node)) return;
      connection.sendNode(
        answerIq(node, {
          device: session.record,
          registry,
          preKeys: options.preKeys ?? 'truthful',
          takeBundle: post.takeBundle,
          isOnWhatsApp: options.isOnWhatsApp ?? (() => true),
          onRemoveDevice() {
            session.record.linked = false;
            session.note('logged-out', connection, 'by the device');
          },
        }),
      );
      if (childOf(node, 'active')) post.open(session, connection);
    } else {
      post.receive(session, connection, node);
    }
  }

  if (options.installCertificate ?? true) installCertificate();
  const listener = await openListener({
    port: options.port ?? 0,
    tls,
    onRequest: options.onRequest,
    planConnection() {
      accepted += 1;
      return plans.take();
    },
    onRefused() {
      refused += 1;
      waiter.changed();
    },
    onWebSocket(ws, duplex, tcp, plan, path) {
      lastConnectionId += 1;
      const connection = createConnection(lastConnectionId, path, { ws, duplex, tcp }, streamOptions, plan, {
        onLogin(from, payload, clientStaticKey) {
          const decoded = baileys.proto.ClientPayload.decode(payload);
          if (decoded.devicePairingData) {
            desk.admit(from, decoded, clientStaticKey);
            return;
          }
          const acceptUnknownDevices = options.unknownDevices === 'accept';
          logIn(from, decoded, clientStaticKey, { registry, acceptUnknownDevices, sessionOf });
        },
        onNode: receive,
        idleTimeoutMs: options.idleTimeoutMs,
        onChange(changed, event, detail) {
          const session = sessionOfConnection(changed);
          if (event === undefined) session?.noteFrame();
          if (event === 'closed') {
            connections.delete(changed);
            desk.dismiss(changed);
            session?.detach(changed);
          }
          if (event !== undefined) session?.note(event, changed, detail);
          if (event === 'protocol-error' && !session) warn(`Connection ${changed.id} was refused: ${detail}`);
          if (event === 'resumed') session?.evictIfReplaced(changed);
          waiter.changed();
        },
      });
      connections.add(connection);
      if (plan.silentAfter === 'upgrade') connection.goSilent({ answerClose: plan.answerClose });
      if (plan.resetAfter === 'upgrade') connection.rst();
      waiter.changed();
    },
  }).catch((error) => {
    releaseCertificate();
    throw error;
  });

  const agent = tls && new Agent({ ca: tls.cert });
  const scheme = tls ? 'wss' : 'ws';
  const wa: FakeWhatsApp = {
    get url() {
      return `${scheme}://127.0.0.1:${listener.port}/ws/chat`;
    },
    get port() {
      return listener.port;
    },
    get accepted() {
      return accepted;
    },
    get refused() {
      return refused;
    },
    trust,
    rootKey,
    socketConfig: () => (agent ? { waWebSocketUrl: wa.url, agent } : { waWebSocketUrl: wa.url }),
    installCertificate,
    session: findSession,
    sessions: () => registry.devices().map(sessionOf),
    connected: () => [...sessions.values()].filter(({ connected }) => connected).map(({ jid }) => jid),
    connections: () => [...connections],
    waitFor: (predicate, waitOptions) =>
      waiter.until(() => wa.sessions().find(predicate), 'a session that meets the condition', waitOptions),
    waitForConnection: (predicate, waitOptions) =>
      waiter.until(() => [...connections].find(predicate), 'a connection that meets the condition', waitOptions),
    createCredentials(credentialOptions) {
      const { creds, device } = createCredentials(registry, credentialOptions, baileys);
      sessionOf(device);
      return creds;
    },
    pair: desk.scan,
    enterPairingCode: desk.enterCode,
    contact: post.contact,
    planNextConnection: (plan, planOptions = {}) => plans.add(plan, planOptions.times ?? 1),
    clearPlans: plans.clear,
    stopListening: listener.stop,
    startListening: listener.start,
    onStanza(stanzaListener) {
      stanzaListeners.add(stanzaListener);
      return () => stanzaListeners.delete(stanzaListener);
    },
    onEvent(eventListener) {
      eventListeners.add(eventListener);
      return () => eventListeners.delete(eventListener);
    },
    exportRegistry: registry.export,
    importRegistry: registry.import,
    async close() {
      waiter.close();
      post.close();
      for (const connection of connections) connection.destroy();
      agent?.destroy();
      await listener.close();
      releaseCertificate();
    },
  };
  return wa;
}
