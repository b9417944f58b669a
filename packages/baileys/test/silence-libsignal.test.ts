import { describe, expect, it } from 'vitest';
import { silenceLibsignal } from '../src/index.js';

describe('silenceLibsignal', () => {
  it('drops the lines with sessions in them and passes the rest', () => {
    const lines: unknown[][] = [];
    const target = {
      info: (...args: unknown[]) => void lines.push(args),
      warn: (...args: unknown[]) => void lines.push(args),
    };
    silenceLibsignal(target);
    silenceLibsignal(target);
    target.info('Closing session:', { privKey: 'secret' });
    target.info('Opening session:', { privKey: 'secret' });
    target.info('Removing old closed session:', { privKey: 'secret' });
    target.warn('Session already closed', { privKey: 'secret' });
    target.info('Listening on port %d', 80);
    target.warn('Session already open');
    expect(lines).toEqual([['Listening on port %d', 80], ['Session already open']]);
  });
});
