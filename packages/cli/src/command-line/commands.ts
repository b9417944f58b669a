import { cleanup } from '../commands/cleanup.js';
import type { CommandContext } from '../commands/command.js';
import { demo } from '../commands/demo/demo.js';
import { doctor } from '../commands/doctor.js';
import { history, runs } from '../commands/history.js';
import { importFromHost } from '../commands/import.js';
import { inactive } from '../commands/inactive.js';
import { migrate } from '../commands/migrate.js';
import { sessions, status } from '../commands/status.js';
import { sync } from '../commands/sync.js';
import type { ExitCode } from '../terminal/cli-error.js';

type Pair = readonly [words: string, means: string];

/** One command, as it is typed and as its help describes it. */
export interface Definition {
  /** As it is typed: `[name]` may be left out, `<name>` may not. */
  readonly usage: string;
  readonly does: string;
  readonly options: readonly Pair[];
  readonly examples: readonly Pair[];
  run(context: CommandContext, argument: string | undefined): Promise<ExitCode>;
}

const SERVICE: readonly Pair[] = [
  ['--url <url>', 'Where the endpoints are mounted (WA_SYNC_URL, else http://127.0.0.1:3000/whatsapp)'],
  ['--token <token>', 'Token of the endpoints; better WA_SYNC_TOKEN, which other users of the machine cannot see'],
];
const DATABASE: readonly Pair[] = [
  ['--database-url <url>', 'A database instead of a service: postgres://… (WA_SYNC_DATABASE_URL)'],
  ['--schema <name>', "Schema of wa-sync's own tables (wa_sync)"],
];
const MIRROR: Pair = [
  '--mirror <mapping>',
  'Your own table, with a database: prisma, whaticket, evolution, or a JSON file',
];
const CONVERSATIONS: Pair = [
  '--conversations <mapping>',
  'Your own table of conversations: prisma, whaticket, or a JSON file',
];
const DRY_RUN: Pair = ['--dry-run', 'Only say what would be done'];
const YES: Pair = ['--yes', 'Do not ask'];
const LIVE_DATABASE = 'wa-sync doctor --database-url postgres://app@db/app --mirror prisma';

/** Every command, in the order of the help. */
export const COMMANDS: readonly Definition[] = [
  {
    usage: 'status [session]',
    does: 'Show which rows are true, or one session and whether its connection answers',
    options: [...SERVICE, ...DATABASE, MIRROR],
    examples: [
      ['wa-sync status', 'all rows in sum, and those that are not true'],
      ['wa-sync status sales', 'one session, and whether its connection answers'],
      ['wa-sync status --json || alert', 'in a health check of cron'],
    ],
    run: status,
  },
  {
    usage: 'sync [session]',
    does: 'Compare the row of the current session, or of one, with the truth and put it right',
    options: [
      ...SERVICE,
      ...DATABASE,
      ['--all', 'All sessions'],
      ['--force', 'Probe every connection now, and heal what is dead'],
    ],
    examples: [
      ['wa-sync sync', 'the current session'],
      ['wa-sync sync --all', 'all sessions'],
      ['wa-sync sync sales --force', 'one session, probed and healed now'],
      ['wa-sync sync --all --database-url postgres://app@db/app', 'asks whichever process holds each'],
    ],
    run: sync,
  },
  {
    usage: 'cleanup',
    does: 'Deactivate sessions that nobody uses; asks before it does',
    options: [
      ...SERVICE,
      ...DATABASE,
      MIRROR,
      DRY_RUN,
      YES,
      ['--force', 'Take more than a part of all in one run'],
      ['--after-days <n>', 'With a database: days without a sign of life (30)'],
    ],
    examples: [
      ['wa-sync cleanup --dry-run', 'what would be done'],
      ['wa-sync cleanup --database-url postgres://app@db/app', 'deactivates and deletes nothing'],
      ['wa-sync cleanup --yes', 'in a script, where nobody can be asked'],
    ],
    run: cleanup,
  },
  {
    usage: 'inactive',
    does: 'Warn and close inactive conversations',
    options: [
      ...SERVICE,
      ...DATABASE,
      MIRROR,
      CONVERSATIONS,
      DRY_RUN,
      YES,
      ['--inactive-hours <n>', 'With a database: hours of silence (24)'],
      ['--skip-status <words>', 'With a database: your statuses that are left alone, with commas between them'],
    ],
    examples: [
      ['wa-sync inactive --dry-run', 'which conversations are inactive for long enough'],
      [
        'wa-sync inactive --database-url postgres://app@db/app --inactive-hours 48',
        'closes without a word; asks before',
      ],
    ],
    run: inactive,
  },
  {
    usage: 'sessions',
    does: 'List sessions by page',
    options: [...SERVICE, ...DATABASE, MIRROR, ['--limit <n>', 'Rows (100)'], ['--after <session>', 'Go on after it']],
    examples: [
      ['wa-sync sessions --limit 20', 'the first page'],
      ['wa-sync sessions --database-url postgres://app@db/app', 'where no service runs'],
    ],
    run: sessions,
  },
  {
    usage: 'import',
    does: 'Make sessions of the rows of your own table, those that are none yet',
    options: [...DATABASE, MIRROR, DRY_RUN],
    examples: [
      ['wa-sync import --mirror prisma --dry-run --database-url postgres://app@db/app', 'what would be done'],
      ['wa-sync import --mirror mapping.json', 'a table with names and words of its own'],
    ],
    run: importFromHost,
  },
  {
    usage: 'history <session>',
    does: 'Show what became of a row, newest first',
    options: [...SERVICE, ...DATABASE, ['--limit <n>', 'Changes (20)'], ['--before <change>', 'Go on before it']],
    examples: [['wa-sync history sales', 'its last changes, and why']],
    run: (context, session = '') => history(context, session),
  },
  {
    usage: 'runs [id]',
    does: 'List the last runs of the jobs, or show one',
    options: [...SERVICE, ...DATABASE, ['--job <job>', 'cleanup or inactivity'], ['--limit <n>', 'Runs (20)']],
    examples: [['wa-sync runs --job cleanup', 'did the cleanup run last night?']],
    run: runs,
  },
  {
    usage: 'doctor',
    does: 'Find out what is wrong, and what to do about it',
    options: [...SERVICE, ...DATABASE, MIRROR, CONVERSATIONS],
    examples: [
      ['wa-sync doctor', 'a running service and its sessions'],
      [LIVE_DATABASE, 'schema, clocks, leases, your table'],
    ],
    run: doctor,
  },
  {
    usage: 'migrate <what>',
    does: "wa-sync's own schema: plan, apply, or sql for your own tool",
    options: [...DATABASE],
    examples: [
      ['wa-sync migrate plan --database-url postgres://app@db/app', 'what is pending; exit code 2 if anything is'],
      ['wa-sync migrate sql > wa_sync.sql', 'needs no database'],
    ],
    run: (context, what = '') => migrate(context, what),
  },
  {
    usage: 'demo',
    does: 'Play a small story in memory: no phone, no database, no network',
    options: [],
    examples: [['wa-sync demo', 'about four seconds']],
    run: demo,
  },
];
