// Going through hubsim's consent page as a browser does: fetch it, press a button, follow the way back to the app.

// The OAuth app that hubsim has unless told otherwise.
export const APP = {
  clientId: '5a1c0de0-0000-4000-8000-000000000001',
  clientSecret: '5ec4e700-0000-4000-8000-000000000001',
  redirectUri: 'http://localhost:8089/oauth/callback',
};

export function authorizeUrl(sim, { scopes = ['oauth'], optional = [], state, app = APP, extra = {} } = {}) {
  const query = new URLSearchParams({ client_id: app.clientId, redirect_uri: app.redirectUri, scope: scopes.join(' '), ...extra });
  if (optional.length > 0) {
    query.set('optional_scope', optional.join(' '));
  }
  if (state !== undefined) {
    query.set('state', state);
  }
  return `${sim.url}/oauth/authorize?${query}`;
}

// Presses a button ('approve' or 'deny') of the page; all optional scopes are ticked. Gives the parameters that the app
// gets back, as an object.
export async function consent(sim, { decision = 'approve', ...asked } = {}) {
  const url = authorizeUrl(sim, asked);
  const page = await fetch(url);
  const html = await page.text();
  if (page.status !== 200) {
    throw new Error(`the consent page gave ${page.status}: ${html}`);
  }
  const fields = new URLSearchParams();
  for (const [input] of html.matchAll(/<input\b[^>]*>/g)) {
    const name = /\bname="([^"]*)"/.exec(input)?.[1];
    if (name) {
      fields.append(name, /\bvalue="([^"]*)"/.exec(input)?.[1] ?? 'on');
    }
  }
  fields.set('decision', decision);
  const action = /<form\b[^>]*\baction="([^"]*)"/.exec(html)?.[1] ?? url;
  const answer = await fetch(new URL(action, url), { method: 'POST', body: fields, redirect: 'manual' });
  const back = answer.headers.get('location');
  if (answer.status !== 302 || !back) {
    throw new Error(`the form gave ${answer.status}: ${await answer.text()}`);
  }
  return Object.fromEntries(new URL(back).searchParams);
}

// POSTs a form to a token endpoint; gives {status, json}.
export async function token(sim, fields, path = '/oauth/v1/token') {
  const answer = await fetch(sim.url + path, { method: 'POST', body: new URLSearchParams(fields) });
  return { status: answer.status, json: await answer.json() };
}

// Consent and exchange: the tokens of a fresh grant.
export async function grant(sim, { app = APP, ...asked } = {}) {
  const { code } = await consent(sim, { app, ...asked });
  const { status, json } = await token(sim, {
    grant_type: 'authorization_code',
    client_id: app.clientId,
    client_secret: app.clientSecret,
    redirect_uri: app.redirectUri,
    code,
  });
  if (status !== 200) {
    throw new Error(`the code gave ${status}: ${JSON.stringify(json)}`);
  }
  return json;
}
