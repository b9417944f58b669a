import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  ForbiddenException,
  Get,
  Inject,
  Injectable,
  Module,
  type OnModuleDestroy,
  SetMetadata,
  UnauthorizedException,
} from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import { createMemoryStore } from '@wa-sync/core';
import { afterEach, describe, expect, it } from 'vitest';
import { WaSyncModule, type WaSyncModuleOptions, WaSyncService } from '../src/index.js';
import { addSession, authorized, moduleOptions, recordingLogger } from './module-world.js';
import { PLATFORMS, type StartedNest, startNest } from './start-nest.js';

const started: StartedNest[] = [];

async function start(...params: Parameters<typeof startNest>): Promise<StartedNest> {
  const nest = await startNest(...params);
  started.push(nest);
  return nest;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((nest) => nest.close()));
});

/** A guard as hosts write them: it reads its own header and leaves the user on the request. */
@Injectable()
class UserGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context
      .switchToHttp()
      .getRequest<{ headers: Record<string, string>; user?: { sessions: string[] } }>();
    const name = request.headers['x-user'];
    if (!name) throw new UnauthorizedException('Log in first');
    if (name === 'guest') throw new ForbiddenException();
    request.user = { sessions: [name] };
    return true;
  }
}

describe.each(PLATFORMS)('on %s', (platform) => {
  it('runs the replica and answers below the host’s global prefix', async () => {
    const nest = await start(
      { imports: [WaSyncModule.forRoot(moduleOptions())] },
      { platform, prepare: (app) => app.setGlobalPrefix('api') },
    );
    const connection = await addSession(nest);
    const status = async () => (await fetch(`${nest.origin}/api/whatsapp/status`, { headers: authorized })).json();
    expect(await status()).toEqual({ connected: true, timestamp: expect.any(String) });
    connection.script.close('lost');
    expect(await status()).toMatchObject({ connected: false });
    expect((await fetch(`${nest.origin}/api/whatsapp/status`)).status).toBe(401);
    expect((await fetch(`${nest.origin}/whatsapp/status`, { headers: authorized })).status).toBe(404);
  });

  it('puts the host’s guards in front, and gives `authorize` what they found out', async () => {
    const seen: unknown[] = [];
    const nest = await start(
      {
        imports: [
          WaSyncModule.forRoot({
            ...moduleOptions(),
            http: {
              auth: (_, { raw }) => {
                const { user } = raw as { user: { sessions: string[] } };
                seen.push(user);
                return { role: 'viewer', sessionIds: user.sessions };
              },
            },
            routes: { guards: [UserGuard] },
          }),
        ],
      },
      { platform },
    );
    await addSession(nest, 'sales');
    await addSession(nest, 'support');
    const get = (path: string, user?: string) =>
      fetch(`${nest.origin}/whatsapp${path}`, { headers: user ? { 'x-user': user } : {} });
    expect((await get('/status')).status).toBe(401);
    expect(await (await get('/status')).json()).toMatchObject({ message: 'Log in first' });
    expect((await get('/health/live')).status).toBe(401);
    expect((await get('/status', 'guest')).status).toBe(403);
    expect(seen).toEqual([]);
    const listed = (await (await get('/sessions', 'support')).json()) as { sessions: { id: string }[] };
    expect(listed.sessions.map(({ id }) => id)).toEqual(['support']);
    expect(seen).toEqual([{ sessions: ['support'] }]);
    const post = await fetch(`${nest.origin}/whatsapp/force-sync`, { method: 'POST', headers: { 'x-user': 'sales' } });
    expect(post.status).toBe(403);
  });

  it('leaves the door to the guards alone where the host says so', async () => {
    const options = { ...moduleOptions(), http: { auth: 'none' as const }, routes: { guards: [new UserGuard()] } };
    const nest = await start({ imports: [WaSyncModule.forRoot(options)] }, { platform });
    await addSession(nest);
    expect((await fetch(`${nest.origin}/whatsapp/status`)).status).toBe(401);
    const answered = await fetch(`${nest.origin}/whatsapp/force-sync`, {
      method: 'POST',
      headers: { 'x-user': 'ana' },
    });
    expect(answered.status).toBe(200);
  });

  it('takes the host’s decorators, such as the one that opens routes to a global guard', async () => {
    @Injectable()
    class GlobalGuard implements CanActivate {
      constructor(@Inject(Reflector) private readonly reflector: Reflector) {}
      canActivate(context: ExecutionContext): boolean {
        return this.reflector.get<boolean>('public', context.getClass()) === true;
      }
    }
    const guard = { provide: APP_GUARD, useClass: GlobalGuard };
    const closed = await start({ imports: [WaSyncModule.forRoot(moduleOptions())], providers: [guard] }, { platform });
    expect((await fetch(`${closed.origin}/whatsapp/health/live`)).status).toBe(403);
    const routes = { decorators: [SetMetadata('public', true)] };
    const imports = [WaSyncModule.forRoot({ ...moduleOptions(), routes })];
    const open = await start({ imports, providers: [guard] }, { platform });
    expect((await fetch(`${open.origin}/whatsapp/health/live`)).status).toBe(200);
    expect((await fetch(`${open.origin}/whatsapp/sessions`)).status).toBe(401);
  });

  it('keeps what the host sets on every answer', async () => {
    @Injectable()
    class LimitGuard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        type Replying = { header(name: string, value: string): unknown };
        context.switchToHttp().getResponse<Replying>().header('x-ratelimit-limit', '10');
        return true;
      }
    }
    const nest = await start(
      { imports: [WaSyncModule.forRoot({ ...moduleOptions(), routes: { guards: [LimitGuard] } })] },
      { platform, prepare: (app) => app.enableCors({ origin: 'https://panel.example' }) },
    );
    const answer = await fetch(`${nest.origin}/whatsapp/health/live`, { headers: { origin: 'https://panel.example' } });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://panel.example');
    expect(answer.headers.get('x-ratelimit-limit')).toBe('10');
    const preflight = await fetch(`${nest.origin}/whatsapp/force-sync`, {
      method: 'OPTIONS',
      headers: { origin: 'https://panel.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
  });

  it('leaves the bodies of the host’s own routes to the platform', async () => {
    const nest = await start({ imports: [WaSyncModule.forRoot(moduleOptions())] }, { platform });
    const headers = { 'content-type': 'application/json' };
    const refused = await fetch(`${nest.origin}/orders`, { method: 'POST', headers, body: '{"open' });
    expect(refused.status).toBe(400);
  });
});

describe('WaSyncService', () => {
  it('is there for every module, and can do all that the replica can', async () => {
    @Injectable()
    class Panel {
      constructor(@Inject(WaSyncService) readonly wa: WaSyncService) {}
    }
    @Module({ providers: [Panel] })
    class PanelModule {}
    const options = { ...moduleOptions(), replicaId: 'pod-7' };
    const nest = await start({ imports: [PanelModule, WaSyncModule.forRoot(options)] });
    await addSession(nest);
    const { wa } = nest.app.get(Panel, { strict: false });
    expect([wa.replicaId, wa.currentSession]).toEqual(['pod-7', 'sales']);
    expect(await wa.status()).toMatchObject({ sessionId: 'sales', connected: true });
    expect((await wa.syncNow()).totals).toMatchObject({ checked: 1, inSync: 1 });
    expect((await wa.forceSync('sales')).totals).toMatchObject({ checked: 1, failed: 0 });
    expect(await wa.cleanupSessions({ dryRun: true })).toMatchObject({ dryRun: true });
    expect(await wa.checkInactiveConversations({ dryRun: true })).toMatchObject({ dryRun: true });
    await wa.recordMessage({ conversationId: 'c1', sessionId: 'sales', from: 'contact', at: new Date() });
    const finished = new Promise((resolve) => wa.on('job:finished', resolve));
    expect(await wa.runJob('sync')).toEqual({ ran: true });
    expect(await finished).toMatchObject({ job: 'sync' });
    expect((await wa.sessions.list()).sessions.map(({ id }) => id)).toEqual(['sales']);
  });
});

describe('the life of the replica', () => {
  it('writes its last rows through a connection that its own module closes in the same shutdown', async () => {
    const memory = createMemoryStore();
    const order: string[] = [];
    @Injectable()
    class Database implements OnModuleDestroy {
      readonly store = {
        ...memory,
        async close() {
          order.push('store closed');
        },
      };
      onModuleDestroy(): void {
        order.push('database closed');
      }
    }
    @Module({ providers: [Database], exports: [Database] })
    class DatabaseModule {}
    const nest = await start({
      imports: [
        WaSyncModule.forRootAsync({
          imports: [DatabaseModule],
          inject: [Database],
          useFactory: async ({ store }: Database): Promise<WaSyncModuleOptions> => moduleOptions(store),
        }),
      ],
    });
    await addSession(nest);
    const row = async () => (await memory.sessions.get({ ids: ['sales'] }))[0];
    expect(await row()).toMatchObject({ status: 'CONNECTED' });
    await nest.close();
    expect(await row()).toMatchObject({ status: 'DISCONNECTED', reason: { code: 'shutdown' } });
    expect(order).toEqual(['store closed', 'database closed']);
  });

  it('ends the start of the app where the replica does not start', async () => {
    const store = {
      ...createMemoryStore(),
      init: () => Promise.reject(new Error('relation "WhatsAppSession" does not exist')),
    };
    const failed = start({ imports: [WaSyncModule.forRoot(moduleOptions(store))] });
    await expect(failed).rejects.toThrow(/"WhatsAppSession" does not exist/);
  });

  it('speaks through Nest’s logger', async () => {
    const { lines, logger } = recordingLogger();
    const nest = await start({ imports: [WaSyncModule.forRoot(moduleOptions())] }, { logger });
    await addSession(nest);
    await fetch(`${nest.origin}/whatsapp/force-sync`, { method: 'POST', headers: authorized });
    expect(lines).toContain('log [wa-sync] POST /force-sync answered 200');
    expect(lines.join('\n')).toMatch(/log \[wa-sync\] Syncing session sales: marking as CONNECTED/);
    expect(lines.join('\n')).not.toMatch(/error \[|Shutdown hooks/);
  });

  it('takes another logger', async () => {
    const lines: string[] = [];
    const note = (_: object, line: string) => void lines.push(line);
    const own = { debug: note, info: note, warn: note, error: note };
    const { lines: nestLines, logger } = recordingLogger();
    const nest = await start({ imports: [WaSyncModule.forRoot({ ...moduleOptions(), logger: own })] }, { logger });
    await fetch(`${nest.origin}/whatsapp/force-sync`, { method: 'POST', headers: authorized });
    expect(lines).toContain('POST /force-sync answered 200');
    expect(nestLines.join('\n')).not.toContain('[wa-sync]');
  });
});

describe('options', () => {
  it('has no endpoints where the host wants none, and needs no `http` then', async () => {
    const { http: _, ...options } = moduleOptions();
    const nest = await start({ imports: [WaSyncModule.forRoot({ ...options, routes: false })] });
    expect((await fetch(`${nest.origin}/whatsapp/health/live`)).status).toBe(404);
    expect(nest.app.get(WaSyncService).currentSession).toBe('sales');
  });

  it.each([
    ['no auth', { http: {} }, /Option auth takes/],
    ['no http', { http: undefined }, /Option auth takes/],
    ['guards without a word on auth', { http: {}, routes: { guards: [UserGuard] } }, /Option auth takes/],
    ['an unknown option', { prob: {} }, /Unknown option prob/],
    ['an unknown option of http', { http: { auth: 'none', wait: 1 } }, /Unknown option wait/],
    ['an unknown option of routes', { routes: { paht: 'x' } }, /Unknown option routes\.paht/],
  ])('ends the start with %s, and says what is wrong', async (_, wrong, words) => {
    const options = { ...moduleOptions(), ...wrong } as Parameters<typeof WaSyncModule.forRoot>[0];
    const failed = (async () => start({ imports: [WaSyncModule.forRoot(options)] }))();
    await expect(failed).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringMatching(words) });
  });

  it('names an unknown option of forRootAsync', () => {
    const options = { useFactory: () => moduleOptions(), guards: [] };
    expect(() => WaSyncModule.forRootAsync(options)).toThrow(/Unknown option guards; forRootAsync takes: imports/);
  });
});

describe('beside the host’s own controllers', () => {
  it('does not touch them', async () => {
    @Controller('whatsapp')
    class HostController {
      @Get('groups')
      list() {
        return { mine: true };
      }
    }
    const nest = await start({ imports: [WaSyncModule.forRoot(moduleOptions())], controllers: [HostController] });
    expect(await (await fetch(`${nest.origin}/whatsapp/groups`)).json()).toEqual({ mine: true });
  });
});
