// The part of a browser that connecting an app needs: opens the consent page, fills its form in and sends it.
import assert from 'node:assert/strict';

export const CLIENT_ID = '5a1c0de0-0000-4000-8000-000000000001'; // hubsim's defaults
export const CLIENT_SECRET = '5ec4e700-0000-4000-8000-000000000001';
export const REDIRECT_URI = 'http://localhost:4567/oauth/callback';

function unescapeHtml(text) {
  const names = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  return text.replace(/&(#39|\w+);/g, (_, name) => names[name]);
}

// What a user sees and may do on a page: {status, title, text, action, hidden, boxes, buttons}.
export async function open(url, options = {}) {
  const answer = await fetch(url, { redirect: 'manual', ...options });
  const html = await answer.text();
  const form = /<form method="post" action="([^"]*)">/.exec(html);
  const inputs = [...html.matchAll(/<input type="(hidden|checkbox)" name="(\w+)" value="([^"]*)"( checked)?>/g)];
  const of = (type) =>
    inputs
      .filter((input) => input[1] === type)
      .map(([, , name, value, checked]) => ({ name, value: unescapeHtml(value), checked: Boolean(checked) }));
  return {
    status: answer.status,
    headers: answer.headers,
    html,
    text: unescapeHtml(html.replace(/<style>.*<\/style>/s, '').replace(/<[^>]*>/g, ' ')),
    title: unescapeHtml(/<title>(.*)<\/title>/.exec(html)?.[1] ?? ''),
    action: form && new URL(unescapeHtml(form[1]), url).href,
    hidden: of('hidden'),
    boxes: of('checkbox'),
    buttons: [...html.matchAll(/<button type="submit" name="decision" value="(\w+)">/g)].map((match) => match[1]),
  };
}

// Presses a button; `untick` names optional scopes to leave out. Gives where the browser is sent to.
export async function press(page, decision, { untick = [] } = {}) {
  const form = new URLSearchParams();
  for (const { name, value } of page.hidden) {
    form.append(name, value);
  }
  for (const { name, value, checked } of page.boxes) {
    if (checked && !untick.includes(value)) {
      form.append(name, value);
    }
  }
  form.append('decision', decision);
  const answer = await fetch(page.action, { method: 'POST', body: form, redirect: 'manual' });
  const location = answer.headers.get('location');
  return { status: answer.status, text: await answer.text(), to: location && new URL(location) };
}

export function authorizeUrl(sim, parameters = {}) {
  const query = new URLSearchParams({
    client_id: CLIENT_ID,
    redirect_uri: REDIRECT_URI,
    scope: 'oauth crm.objects.contacts.read',
    ...parameters,
  });
  return `${sim.url}/oauth/authorize?${query}`;
}

// The whole way to a code.
export async function consent(sim, parameters = {}, options = {}) {
  const page = await open(authorizeUrl(sim, parameters));
  assert.equal(page.status, 200, page.text);
  const { status, to } = await press(page, 'approve', options);
  assert.equal(status, 302);
  return to.searchParams.get('code');
}

export async function token(sim, fields, { path = '/oauth/2026-09/token', headers } = {}) {
  const body = new URLSearchParams({ client_id: CLIENT_ID, client_secret: CLIENT_SECRET, ...fields });
  const answer = await fetch(sim.url + path, { method: 'POST', body, headers });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, json: text.startsWith('{') ? JSON.parse(text) : undefined };
}

export function exchange(sim, code, fields = {}, options = {}) {
  return token(sim, { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, ...fields }, options);
}

export function refresh(sim, refreshToken, fields = {}, options = {}) {
  return token(sim, { grant_type: 'refresh_token', refresh_token: refreshToken, ...fields }, options);
}

// A pair of tokens as an app has it after its user has consented.
export async function connect(sim, parameters = {}, options = {}) {
  const { status, text, json } = await exchange(sim, await consent(sim, parameters, options));
  assert.equal(status, 200, text);
  return json;
}
