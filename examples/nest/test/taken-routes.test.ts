import { All, Controller, Get, Module, Post, VersioningType } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { afterEach, describe, expect, it } from 'vitest';
import { WaSyncModule } from '../src/index.js';
import { authorized, moduleOptions } from './module-world.js';
import { PLATFORMS, type StartedNest, startNest } from './start-nest.js';

@Controller('whatsapp')
class OwnController {
  @Get('status')
  show() {
    return { own: true };
  }
}

@Controller('whatsapp')
class OtherPathsController {
  @Get('numbers')
  numbers() {
    return [];
  }
  @Get('sessions/export')
  export() {
    return { own: true };
  }
}

@Controller('whatsapp')
class AnyIdController {
  @Get(':id')
  one() {
    return { own: true };
  }
}

@Controller('whatsapp')
class AllController {
  @All('sessions')
  any() {
    return { own: true };
  }
}

@Controller('whatsapp')
class PostController {
  @Post('metrics')
  push() {
    return { own: true };
  }
}

@Controller({ path: 'whatsapp', version: '2' })
class SecondVersionController {
  @Get('status')
  show() {
    return { own: true };
  }
}

@Module({ controllers: [OwnController] })
class OwnModule {}

let nest: StartedNest | null = null;
afterEach(async () => {
  await nest?.close();
  nest = null;
});

describe.each(PLATFORMS)('a route of the host where one of ours is, on %s', (platform) => {
  const waSync = () => WaSyncModule.forRoot(moduleOptions());
  const fails = (words: RegExp) => ({ code: 'config_invalid', message: expect.stringMatching(words) });
  const named =
    /\/whatsapp\/status of wa-sync is taken by OwnController\.show \(GET \/whatsapp\/status\): give WaSyncModule another path/;

  it('ends the start with the name of its controller, whichever comes first', async () => {
    await expect(startNest({ imports: [waSync()], controllers: [OwnController] }, { platform })).rejects.toMatchObject(
      fails(named),
    );
    await expect(startNest({ imports: [waSync(), OwnModule] }, { platform })).rejects.toMatchObject(fails(named));
    await expect(startNest({ imports: [OwnModule, waSync()] }, { platform })).rejects.toMatchObject(fails(named));
  });

  it('is found under a global prefix and a version', async () => {
    const started = startNest(
      { imports: [waSync()], controllers: [OwnController] },
      {
        platform,
        prepare: (app) =>
          app.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
      },
    );
    await expect(started).rejects.toMatchObject(
      fails(/\/api\/v1\/whatsapp\/status of wa-sync is taken by OwnController\.show/),
    );
  });

  it('is found where it takes every method', async () => {
    const started = startNest({ imports: [waSync()], controllers: [AllController] }, { platform });
    await expect(started).rejects.toMatchObject(fails(/\/whatsapp\/sessions of wa-sync is taken by/));
  });

  it('is none where its path, its version or its module is another one', async () => {
    const routes = RouterModule.register([{ path: 'admin', module: OwnModule }]);
    nest = await startNest(
      { imports: [waSync(), OwnModule, routes], controllers: [OtherPathsController] },
      { platform },
    );
    expect(await (await fetch(`${nest.origin}/admin/whatsapp/status`)).json()).toEqual({ own: true });
    expect(await (await fetch(`${nest.origin}/whatsapp/sessions/export`)).json()).toEqual({ own: true });
    expect((await fetch(`${nest.origin}/whatsapp/sessions`, { headers: authorized })).status).toBe(200);
    await nest.close();
    nest = await startNest(
      { imports: [waSync()], controllers: [SecondVersionController] },
      { platform, prepare: (app) => app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }) },
    );
    expect(await (await fetch(`${nest.origin}/v2/whatsapp/status`)).json()).toEqual({ own: true });
    expect((await fetch(`${nest.origin}/v1/whatsapp/status`, { headers: authorized })).status).toBe(404);
  });
});

it('of another method is left alone on Express, where it comes first', async () => {
  nest = await startNest({ imports: [WaSyncModule.forRoot(moduleOptions())], controllers: [PostController] });
  expect((await fetch(`${nest.origin}/whatsapp/metrics`, { method: 'POST' })).status).toBe(201);
});

it('with a name in its path is found on Express, where it comes first', async () => {
  const started = startNest({ imports: [WaSyncModule.forRoot(moduleOptions())], controllers: [AnyIdController] });
  await expect(started).rejects.toMatchObject({
    message: expect.stringMatching(/taken by AnyIdController\.one \(GET \/whatsapp\/:id\)/),
  });
});

it('leaves the adapter as it was', async () => {
  nest = await startNest({ imports: [WaSyncModule.forRoot(moduleOptions())] });
  expect(Object.keys(nest.app.getHttpAdapter())).not.toContain('get');
});
