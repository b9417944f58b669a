import { spawnSync } from 'node:child_process';

const answers = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;

/**
 * Installs the servers that npm does not bring: Redis, unless TEST_REDIS_URL names one, and PgBouncer. As root on
 * Debian it is done here, once and before the tests begin, because two of them could not install side by side.
 */
export function ensureServers() {
  const wanted = [...(process.env.TEST_REDIS_URL ? [] : ['redis-server']), 'pgbouncer'];
  const missing = wanted.filter((command) => !answers(command));
  if (missing.length === 0) return;
  if (process.getuid?.() === 0 && answers('apt-get')) {
    console.log(`Installing ${missing.join(' and ')}`);
    const options = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
    spawnSync('apt-get', ['update'], options);
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', ...missing], options);
  }
  // PgBouncer's tests say themselves that they are left out.
  if (missing.includes('redis-server') && !answers('redis-server')) {
    throw new Error(
      'The tests need redis-server: install it (on Debian: apt-get install redis-server), or set TEST_REDIS_URL',
    );
  }
}
