import { migrationSql } from '@wa-sync/postgres';
import { typedOption } from '../target/read-target.js';
import { CliError, EXIT, type ExitCode } from '../terminal/cli-error.js';
import { type CommandContext, withDatabase } from './command.js';

/** `wa-sync migrate plan | apply | sql`: the library's own schema. `sql` needs no database. */
export async function migrate(context: CommandContext, what: string): Promise<ExitCode> {
  const { output, args } = context;
  if (what === 'sql') {
    const sql = migrationSql({ schema: typedOption(args, 'schema') });
    if (output.json) output.document({ sql });
    else output.raw(sql);
    return EXIT.fine;
  }
  if (what !== 'plan' && what !== 'apply') throw new CliError('usage', 'migrate takes plan, apply or sql');
  return withDatabase(context, async (database) => {
    const before = await database.plan();
    if (what === 'apply') await database.store.init();
    const after = what === 'apply' ? await database.plan() : before;
    output.document({ ...after, applied: what === 'apply' ? before.pending : [] });
    const done = what === 'apply' ? 'applied' : 'pending';
    const rows = before.pending.map(({ version, name }) => [String(version), name, done]);
    if (rows.length > 0) output.table(['version', 'step', 'state'], rows);
    else output.line(`Up to date: version ${after.current}`);
    return after.pending.length > 0 ? EXIT.drift : EXIT.fine;
  });
}
