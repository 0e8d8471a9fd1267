// The authorize page in a browser that runs no scripts, as a person sees it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { chromium } from 'playwright-core';
import { PATIENCE_MS } from './lib/process.mjs';
import { Server } from './lib/serve.mjs';

let browser;
let server;
let site; // of the caller, where browsers are sent back to

before(async () => {
  server = await Server.start({ contacts: 5, scopes: 'oauth', 'optional-scopes': 'all' });
  site = createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end('<title>Example app</title><h1>Example app</h1>');
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  const found = ['chromium', 'chromium-browser', 'google-chrome'].map((name) => `/usr/bin/${name}`).find(existsSync);
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? found, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
});

after(async () => {
  await browser?.close();
  site?.closeAllConnections();
  site?.close();
  await server?.stop();
});

function redirectUri() {
  return `http://127.0.0.1:${site.address().port}/done`;
}

function makeBridge(fields = {}) {
  return server.ok('POST', '/connection_bridges', {
    integration_id: 'hubspot-v2', label: 'Acme production', redirect_uri: redirectUri(), state: 'their state', ...fields,
  });
}

// A page of a fresh context. What the browser refuses by the page's policy is an error of ours, but for the icon that
// it looks for by itself.
async function openPage(t, options = {}, expected = []) {
  const context = await browser.newContext({ javaScriptEnabled: false, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const refusals = [];
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text()) && !/favicon/.test(message.text())) {
      refusals.push(message.text());
    }
  });
  t.after(async () => {
    await context.close();
    assert.equal(refusals.length, expected.length, refusals.join('\n'));
    expected.forEach((pattern, i) => assert.match(refusals[i], pattern));
  });
  return page;
}

async function shot(page, name) {
  if (process.env.SCREENSHOTS) {
    await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png`, fullPage: true });
  }
}

// The contrast of an element's text with what lies behind it, by WCAG.
async function contrast(context, locator) {
  const colours = await locator.evaluate((element) => {
    let behind = element;
    while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') {
      behind = behind.parentElement;
    }
    return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
  });
  const light = colours.map((colour) => {
    const [r, g, b] = colour.match(/\d+(\.\d+)?/g).map((part) => {
      const c = Number(part) / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  });
  return (Math.max(...light) + 0.05) / (Math.min(...light) + 0.05);
}

describe('a person', () => {
  test('goes to HubSpot and back', async (t) => {
    const page = await openPage(t);
    const bridge = await makeBridge();
    await page.goto(bridge.authorize_url);
    assert.equal(await page.title(), 'Connect HubSpot');
    assert.match(await page.getByRole('heading', { level: 1 }).innerText(), /Connect HubSpot to 127\.0\.0\.1:\d+\?/);
    assert.ok(await page.getByText('Acme production').isVisible());
    await page.getByText('Which data').click();
    assert.ok(await page.getByText('Companies', { exact: true }).isVisible());
    assert.ok(await page.getByText('crm.objects.contacts.read').isVisible());
    await shot(page, 'ask');
    await page.getByRole('button', { name: 'Continue to HubSpot' }).click();
    assert.equal(new URL(page.url()).origin, server.sim.url);
    assert.ok(!page.url().includes(new URL(bridge.authorize_url).searchParams.get('token')));
    await page.getByRole('button', { name: 'Connect app' }).click();
    await page.waitForURL(/\/done\?/);
    assert.equal(await page.title(), 'Example app');
    const at = new URL(page.url());
    assert.equal(at.origin + at.pathname, redirectUri());
    assert.equal(at.searchParams.get('state'), 'their state');
    const connection = await server.ok('GET', `/connections/${at.searchParams.get('connectionId')}`);
    assert.equal(connection.status, 'active');
    await page.goto(bridge.authorize_url);
    assert.equal(await page.getByRole('heading').innerText(), 'This link has been used');
    await shot(page, 'used');
  });

  test('cancels at HubSpot, tries again, and declines', async (t) => {
    const page = await openPage(t);
    const bridge = await makeBridge();
    await page.goto(bridge.authorize_url);
    await page.getByRole('button', { name: 'Continue to HubSpot' }).click();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.waitForURL(/\/done\?/);
    const cancelled = new URL(page.url());
    assert.equal(cancelled.searchParams.get('error'), 'access_denied');
    assert.equal(cancelled.searchParams.get('state'), 'their state');
    await page.goto(bridge.authorize_url);
    await page.getByRole('button', { name: 'Decline' }).click();
    await page.waitForURL(/\/done\?/);
    const at = new URL(page.url());
    assert.equal(at.searchParams.get('error'), 'access_denied');
    assert.equal(at.searchParams.get('state'), 'their state');
  });

  test('pastes a token, wrong and right, with the keyboard alone', async (t) => {
    const page = await openPage(t);
    await page.goto((await makeBridge()).authorize_url);
    await page.getByText("Use a private app's token instead").focus();
    await page.keyboard.press('Enter');
    const field = page.getByLabel('Access token of a private app');
    await field.focus();
    await page.keyboard.type('pat-na1-wrong');
    await page.keyboard.press('Enter');
    assert.match(await page.getByRole('alert').innerText(), /This token cannot be used\..*401/);
    assert.equal(await field.inputValue(), '');
    await shot(page, 'token-refused');
    await field.focus();
    await page.keyboard.type(server.sim.token);
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/done\?/);
    assert.ok(new URL(page.url()).searchParams.get('connection_id'));
  });

  test('unticks everything at HubSpot and reads what is missing', async (t) => {
    const page = await openPage(t);
    await page.goto((await makeBridge()).authorize_url);
    await page.getByRole('button', { name: 'Continue to HubSpot' }).click();
    for (const box of await page.getByRole('checkbox').all()) {
      await box.uncheck();
    }
    await page.getByRole('button', { name: 'Connect app' }).click();
    assert.equal(await page.getByRole('heading').innerText(), 'HubSpot granted too little');
    assert.ok(await page.getByText('crm.objects.deals.read').isVisible());
    await shot(page, 'too-little');
    await page.getByRole('link', { name: /Back to 127\.0\.0\.1/ }).click();
    await page.waitForURL(/error=insufficient_scope/);
  });
});

describe('the page', () => {
  for (const colorScheme of ['light', 'dark']) {
    test(`is readable in ${colorScheme}, on a small screen, too`, async (t) => {
      const page = await openPage(t, { colorScheme, viewport: { width: 320, height: 640 } });
      await page.goto((await makeBridge({ label: 'w'.repeat(255) })).authorize_url);
      await shot(page, `small-${colorScheme}`);
      const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      assert.ok(wide <= screen, `${wide} px are wider than the screen`);
      for (const locator of [
        page.getByRole('heading', { level: 1 }),
        page.getByText('It asks to'),
        page.getByText('HubSpot asks you to sign in'),
        page.getByRole('button', { name: 'Continue to HubSpot' }),
        page.getByRole('button', { name: 'Decline' }),
      ]) {
        const ratio = await contrast(page, locator);
        assert.ok(ratio >= 4.5, `${await locator.innerText()}: contrast ${ratio.toFixed(2)}`);
      }
    });
  }

  test('runs no script, whoever wrote it in', async (t) => {
    const context = await browser.newContext(); // scripts are allowed here
    context.setDefaultTimeout(PATIENCE_MS);
    t.after(() => context.close());
    const page = await context.newPage();
    const dialogs = [];
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      return dialog.dismiss();
    });
    await page.goto((await makeBridge({ label: '<script>alert(1)</script><img src=x onerror=alert(2)>' })).authorize_url);
    assert.ok(await page.getByText('<script>alert(1)</script>').isVisible());
    assert.equal(await page.locator('script, img').count(), 0);
    assert.deepEqual(dialogs, []);
  });

  test('lets nobody put it into a frame', async (t) => {
    const page = await openPage(t, {}, [/frame-ancestors 'none'/]);
    const { authorize_url: address } = await makeBridge();
    site.removeAllListeners('request');
    site.on('request', (request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(request.url === '/frame' ? `<iframe src="${address}"></iframe>` : '<title>Example app</title>');
    });
    await page.goto(new URL('/frame', redirectUri()).href);
    const [, frame] = page.frames();
    assert.doesNotMatch(await frame.content(), /Continue to HubSpot/);
  });

  test('of the API is readable', async (t) => {
    const page = await openPage(t, { viewport: { width: 1000, height: 900 } });
    await page.goto(`${server.url}/docs`);
    assert.equal(await page.title(), 'sluice API');
    await page.getByRole('link', { name: 'POST /connection_bridges' }).click();
    assert.ok(await page.getByText('Makes a bridge').isVisible());
    await shot(page, 'docs');
    const contents = page.getByRole('navigation');
    assert.ok(await contents.getByText('ELT syncs', { exact: true }).isVisible());
    assert.ok(await contents.getByText('reverse ETL (not built yet)', { exact: true }).isVisible());
    await page.setViewportSize({ width: 360, height: 800 });
    const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert.ok(wide <= screen, `${wide} px are wider than the screen`);
  });
});
