import { type Logger, WaSyncError } from '@wa-sync/core';
import type { StoreKeys } from '../driver/keys.js';
import { type ScriptRunner, script } from '../driver/run-script.js';
import { KEY_NAMES, SERVER_IDENTITY, sessionKeys } from '../scripts/script-parts.js';

/** The layout of keys and rows that this package writes and reads. */
const LAYOUT = 1;
const OLDEST = 7;

/**
 * Checks the server that has the keys (in a cluster: at that node, which is why it is asked inside a script).
 * Argument: layout. Returns `[layout, INFO server, INFO replication, INFO memory, INFO persistence]`. It changes
 * nothing on a server that would refuse it, so that what is wrong with the server can be reported.
 */
const checkScript = script(`
  ${KEY_NAMES}
  local function info(section)
    local text = redis.pcall('INFO', section)
    return type(text) == 'string' and text or ''
  end
  return { redis.call('HGET', META, 'layout') or '', info('server'), info('replication'), info('memory'), info('persistence') }`);

/** Argument: layout. Notes the layout, and which server this is. */
const setUpScript = script(
  KEY_NAMES,
  SERVER_IDENTITY,
  `
  redis.call('HSETNX', META, 'layout', args[1])
  heldUntil()
  return 1`,
);

/**
 * Checks the server, and notes layout and identity.
 *
 * @throws WaSyncError `schema_newer`, `not_supported` for a server that is too old, `config_invalid` for one that
 * evicts keys, `store_failed` for a replica
 */
export async function prepareServer(params: {
  runner: ScriptRunner;
  keys: StoreKeys;
  target: string | null;
  logger: Logger;
}): Promise<void> {
  const { runner, logger } = params;
  const keys = sessionKeys(params.keys);
  const at = params.target === null ? '' : ` at ${params.target}`;
  const { answer } = await runner.run(checkScript, { keys });
  const [layout = '', server = '', replication = '', memory = '', persistence = ''] = (answer as unknown[]).map(String);

  if (Number(layout) > LAYOUT) {
    throw new WaSyncError(
      'schema_newer',
      `The keys of Redis${at} have layout ${layout}, this package knows ${LAYOUT}: update @wa-sync/redis`,
    );
  }
  const version = fieldOf(server, 'redis_version');
  if (version !== undefined && Number.parseInt(version, 10) < OLDEST) {
    throw new WaSyncError('not_supported', `Redis${at} is ${version}; ${OLDEST}.0 or newer is needed`);
  }
  if (fieldOf(replication, 'role') === 'slave') {
    throw new WaSyncError('store_failed', `Redis${at} is a replica; the client must follow the master`, {
      retryable: true,
    });
  }
  const policy = fieldOf(memory, 'maxmemory_policy');
  if (policy?.startsWith('allkeys-')) {
    throw new WaSyncError(
      'config_invalid',
      `Redis${at} throws keys away when memory is short (maxmemory-policy ${policy}), credentials too: CONFIG SET maxmemory-policy noeviction`,
    );
  }
  if (policy !== undefined && policy !== 'noeviction') {
    const fields = { code: 'redis_eviction', policy };
    logger.warn(fields, `Redis should run with maxmemory-policy noeviction; it has ${policy}`);
  }
  if (fieldOf(persistence, 'aof_enabled') === '0') {
    const fields = { code: 'redis_not_durable' };
    logger.warn(fields, 'Redis keeps no append-only file: a restart loses its last writes, credentials too');
  }
  await runner.run(setUpScript, { keys, args: [String(LAYOUT)] });
}

function fieldOf(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1];
}
