// Pipelines and stages through HubSpot's own client and through sluice's.
import assert from 'node:assert/strict';
import { runScenes, scene } from './lib/contract.mjs';

const OPTIONS = { contacts: 50, deals: 60, tickets: 20, 'other-objects': 'leads:5' };
const deals = { type: 'deals' };

const RESELL = {
  label: 'Resellers',
  displayOrder: 8,
  stages: [
    { label: 'Won', displayOrder: 2, metadata: { probability: '1.0' } },
    { label: 'First talk', displayOrder: 0, metadata: { probability: '0.1' } },
    { label: 'Lost', displayOrder: 3, metadata: { probability: '0.0' } },
  ],
};
const STAGE = { label: 'Offer', displayOrder: 1, metadata: { probability: '0.5' } };

async function create({ sim }) {
  const { status, json, text } = await sim.api('POST', '/crm/v3/pipelines/deals', RESELL);
  assert.equal(status, 201, text);
  return json;
}

// A stage of the sales pipeline that records are in.
async function usedStage({ sim }) {
  const [deal] = await sim.list('deals', ['pipeline', 'dealstage']);
  return { pipeline: deal.properties.pipeline, id: deal.properties.dealstage, deal: deal.id };
}

const options = async (sim, name) => (await sim.api('GET', `/crm/v3/properties/deals/${name}`)).json.options.map((o) => o.value);

runScenes('pipelines', OPTIONS, [
  scene({
    name: 'pipelines come in their order, live ones only, with texts as metadata',
    sdk: (client) => client.crm.pipelines.pipelinesApi.getAll('deals'),
    sluice: () => ({ endpoint: 'PIPELINES', args: deals }),
    status: 200,
    check: ({ results }) => {
      assert.deepEqual(results.map((p) => p.id), ['default', '48817302', '51920044']);
      assert.deepEqual(results[0].stages.map((s) => s.displayOrder), [0, 1, 2, 3, 4, 5, 6]);
      for (const stage of results.flatMap((p) => p.stages)) {
        assert.equal(typeof stage.metadata.probability, 'string');
        assert.equal(stage.archived, false);
      }
    },
  }),
  scene({
    name: 'leads have a pipeline, contacts have none',
    sdk: (client) => client.crm.pipelines.pipelinesApi.getAll('leads'),
    sluice: () => ({ endpoint: 'PIPELINES', args: { type: 'leads' } }),
    status: 200,
    check: async ({ results }, { sim }) => {
      assert.deepEqual(results.map((p) => p.id), ['lead-pipeline-id']);
      assert.deepEqual((await sim.api('GET', '/crm/v3/pipelines/contacts')).json, { results: [] });
    },
  }),
  scene({
    name: 'a pipeline is created; its stages are sorted, and deals can be in it',
    writes: true,
    sdk: (client) => client.crm.pipelines.pipelinesApi.create('deals', RESELL),
    sluice: () => ({ endpoint: 'PIPELINE_CREATE', args: deals, body: RESELL }),
    status: 201,
    check: async (body, { sim }) => {
      assert.deepEqual(body.stages.map((s) => [s.label, s.metadata.isClosed]), [['First talk', 'false'], ['Won', 'true'], ['Lost', 'true']]);
      assert.ok((await options(sim, 'pipeline')).includes(body.id));
      assert.ok((await options(sim, 'dealstage')).includes(body.stages[0].id));
      const { status, text } = await sim.api('POST', '/crm/v3/objects/deals', {
        properties: { dealname: 'x', pipeline: body.id, dealstage: body.stages[0].id },
      });
      assert.equal(status, 201, text);
    },
  }),
  scene({
    name: 'a label is taken',
    writes: true,
    setup: create,
    sdk: (client) => client.crm.pipelines.pipelinesApi.create('deals', RESELL),
    sluice: () => ({ endpoint: 'PIPELINE_CREATE', args: deals, body: RESELL }),
    status: 409,
    check: ({ message }) => assert.match(message, /label 'Resellers' already exists/),
  }),
  ...[
    ['a deal stage needs a probability', { ...RESELL, stages: [{ label: 'x', displayOrder: 0, metadata: {} }] }, /needs a probability/],
    ['a probability is between 0 and 1', { ...RESELL, stages: [{ ...STAGE, metadata: { probability: '7' } }] }, /probability must be a number from/],
    ['a pipeline has stages', { ...RESELL, stages: [] }, /1 to 100 stages/],
    ['a stage label stands once', { ...RESELL, stages: [STAGE, STAGE] }, /label 'Offer' already exists/],
  ].map(([name, body, pattern]) =>
    scene({
      name,
      writes: true,
      sdk: (client) => client.crm.pipelines.pipelinesApi.create('deals', body),
      sluice: () => ({ endpoint: 'PIPELINE_CREATE', args: deals, body }),
      status: /once/.test(name) ? 409 : 400,
      check: async ({ message }, { sim }) => {
        assert.match(message, pattern);
        assert.equal((await sim.api('GET', '/crm/v3/pipelines/deals')).json.results.length, 3, 'nothing is left behind');
      },
    }),
  ),
  scene({
    name: 'types without pipelines get none',
    writes: true,
    sdk: (client) => client.crm.pipelines.pipelinesApi.create('contacts', RESELL),
    sluice: () => ({ endpoint: 'PIPELINE_CREATE', args: { type: 'contacts' }, body: RESELL }),
    status: 400,
    check: ({ message }) => assert.match(message, /contacts has no pipelines/),
  }),
  scene({
    name: 'a pipeline is renamed and moved',
    writes: true,
    setup: create,
    sdk: (client, { setup }) => client.crm.pipelines.pipelinesApi.update('deals', setup.id, { label: 'Partners', displayOrder: -1 }),
    sluice: ({ setup }) => ({ endpoint: 'PIPELINE_UPDATE', args: { ...deals, id: setup.id }, body: { label: 'Partners', displayOrder: -1 } }),
    status: 200,
    check: async (body, { sim, setup }) => {
      assert.deepEqual([body.label, body.stages.length], ['Partners', 3]);
      assert.equal((await sim.api('GET', '/crm/v3/pipelines/deals')).json.results[0].id, setup.id);
    },
  }),
  scene({
    name: 'a pipeline is replaced: stages not named are gone',
    writes: true,
    setup: create,
    sdk: (client, { setup }) => client.crm.pipelines.pipelinesApi.replace('deals', setup.id, { ...RESELL, stages: [STAGE] }),
    sluice: ({ setup }) => ({ endpoint: 'PIPELINE_REPLACE', args: { ...deals, id: setup.id }, body: { ...RESELL, stages: [STAGE] } }),
    status: 200,
    check: (body) => assert.deepEqual(body.stages.map((s) => s.label), ['Offer']),
  }),
  scene({
    name: 'an unused pipeline is deleted',
    writes: true,
    setup: create,
    sdk: (client, { setup }) => client.crm.pipelines.pipelinesApi.archive('deals', setup.id),
    sluice: ({ setup }) => ({ endpoint: 'PIPELINE_DELETE', args: { ...deals, id: setup.id } }),
    status: 204,
    check: async (_, { sim, setup }) => {
      assert.equal((await sim.api('GET', `/crm/v3/pipelines/deals/${setup.id}`)).status, 404);
      assert.ok(!(await options(sim, 'pipeline')).includes(setup.id));
      const { results } = (await sim.api('GET', `/crm/v3/pipelines/deals/${setup.id}/audit`)).json;
      assert.deepEqual(results.map((a) => a.action), ['DELETE', 'CREATE'], 'its history can still be read');
    },
  }),
  // The legacy form deletes a used pipeline unless it is told to look; 2026-09 looks unless it is told not to.
  scene({
    name: 'a used pipeline, when told to look',
    writes: true,
    setup: usedStage,
    sdk: (client, { setup }) => client.crm.pipelines.pipelinesApi.archive('deals', setup.pipeline, true),
    sluice: ({ setup }) => ({ endpoint: 'PIPELINE_DELETE', args: { ...deals, id: setup.pipeline }, query: { validateReferencesBeforeDelete: 'true' } }),
    status: 400,
    check: ({ subCategory, message }, { setup }) => {
      assert.equal(subCategory, 'PipelineError.PIPELINE_ID_IN_USE');
      assert.ok(message.includes(setup.deal), message);
    },
  }),
  scene({
    name: 'a used pipeline, nothing said, legacy',
    writes: true,
    versions: ['legacy'],
    setup: usedStage,
    sdk: (client, { setup }) => client.crm.pipelines.pipelinesApi.archive('deals', setup.pipeline),
    sluice: ({ setup }) => ({ endpoint: 'PIPELINE_DELETE', args: { ...deals, id: setup.pipeline } }),
    status: 204,
  }),
  scene({
    name: 'a used pipeline, told not to look',
    writes: true,
    setup: usedStage,
    sdk: (client, { setup }) => client.crm.pipelines.pipelinesApi.archive('deals', setup.pipeline, false, false),
    sluice: ({ setup }) => ({ endpoint: 'PIPELINE_DELETE', args: { ...deals, id: setup.pipeline }, query: { validateReferencesBeforeDelete: 'false' } }),
    status: 204,
    check: async (_, { sim, setup }) => {
      const { json } = await sim.api('GET', `/crm/v3/objects/deals/${setup.deal}?properties=pipeline`);
      assert.equal(json.properties.pipeline, setup.pipeline, 'the records keep the id of what is no more');
    },
  }),
  scene({
    name: 'what was done to a pipeline',
    writes: true,
    setup: create,
    sdk: (client, { setup }) => client.crm.pipelines.pipelineAuditsApi.getAudit('deals', setup.id),
    sluice: ({ setup }) => ({ endpoint: 'PIPELINE_AUDIT', args: { ...deals, id: setup.id } }),
    status: 200,
    check: ({ results }, { setup }) => {
      assert.deepEqual(results.map((a) => [a.action, a.identifier, a.portalId]), [['CREATE', setup.id, 4711002]]);
      assert.equal(results[0].rawObject.label, 'Resellers');
    },
  }),
  scene({
    name: 'stages of a pipeline',
    sdk: (client) => client.crm.pipelines.pipelineStagesApi.getAll('tickets', '0'),
    sluice: () => ({ endpoint: 'STAGES', args: { type: 'tickets', pipeline: '0' } }),
    status: 200,
    check: ({ results }) => assert.deepEqual(results.map((s) => s.metadata.ticketState), ['OPEN', 'OPEN', 'OPEN', 'CLOSED']),
  }),
  scene({
    name: 'one stage',
    sdk: (client) => client.crm.pipelines.pipelineStagesApi.getById('deals', 'default', 'closedwon'),
    sluice: () => ({ endpoint: 'STAGE_GET', args: { ...deals, pipeline: 'default', id: 'closedwon' } }),
    status: 200,
    check: ({ label, metadata }) => assert.deepEqual([label, metadata], ['Closed Won', { isClosed: 'true', probability: '1.0' }]),
  }),
  scene({
    name: 'a stage that is not in the pipeline',
    sdk: (client) => client.crm.pipelines.pipelineStagesApi.getById('deals', '48817302', 'closedwon'),
    sluice: () => ({ endpoint: 'STAGE_GET', args: { ...deals, pipeline: '48817302', id: 'closedwon' } }),
    status: 404,
  }),
  scene({
    name: 'a stage is created',
    writes: true,
    setup: create,
    sdk: (client, { setup }) => client.crm.pipelines.pipelineStagesApi.create('deals', setup.id, STAGE),
    sluice: ({ setup }) => ({ endpoint: 'STAGE_CREATE', args: { ...deals, pipeline: setup.id }, body: STAGE }),
    status: 201,
    check: async (body, { sim, setup }) => {
      assert.deepEqual(body.metadata, { probability: '0.5', isClosed: 'false' });
      const { results } = (await sim.api('GET', `/crm/v3/pipelines/deals/${setup.id}/stages`)).json;
      assert.deepEqual(results.map((s) => s.label), ['First talk', 'Offer', 'Won', 'Lost']);
      const audit = (await sim.api('GET', `/crm/v3/pipelines/deals/${setup.id}/stages/${body.id}/audit`)).json;
      assert.deepEqual(audit.results.map((a) => a.action), ['CREATE']);
    },
  }),
  scene({
    name: 'a stage is changed; a number in its metadata comes back as text',
    writes: true,
    setup: create,
    sdk: (client, { setup }) =>
      client.crm.pipelines.pipelineStagesApi.update('deals', setup.id, setup.stages[0].id, { label: 'Talk', metadata: { probability: '1' } }),
    sluice: ({ setup }) => ({
      endpoint: 'STAGE_UPDATE',
      args: { ...deals, pipeline: setup.id, id: setup.stages[0].id },
      body: { label: 'Talk', metadata: { probability: 1 } },
    }),
    status: 200,
    check: ({ label, metadata }) => assert.deepEqual([label, metadata], ['Talk', { probability: '1', isClosed: 'true' }]),
  }),
  scene({
    name: 'a stage is replaced',
    writes: true,
    setup: create,
    sdk: (client, { setup }) => client.crm.pipelines.pipelineStagesApi.replace('deals', setup.id, setup.stages[0].id, STAGE),
    sluice: ({ setup }) => ({ endpoint: 'STAGE_REPLACE', args: { ...deals, pipeline: setup.id, id: setup.stages[0].id }, body: STAGE }),
    status: 200,
    check: ({ id, label }, { setup }) => assert.deepEqual([id, label], [setup.stages[0].id, 'Offer']),
  }),
  scene({
    name: 'an unused stage is deleted',
    writes: true,
    setup: create,
    sdk: (client, { setup }) => client.crm.pipelines.pipelineStagesApi.archive('deals', setup.id, setup.stages[0].id),
    sluice: ({ setup }) => ({ endpoint: 'STAGE_DELETE', args: { ...deals, pipeline: setup.id, id: setup.stages[0].id } }),
    status: 204,
    check: async (_, { sim, setup }) => {
      const { results } = (await sim.api('GET', `/crm/v3/pipelines/deals/${setup.id}/stages`)).json;
      assert.deepEqual(results.map((s) => s.label), ['Won', 'Lost']);
    },
  }),
  scene({
    name: 'a used stage stays',
    writes: true,
    setup: usedStage,
    sdk: (client, { setup }) => client.crm.pipelines.pipelineStagesApi.archive('deals', setup.pipeline, setup.id),
    sluice: ({ setup }) => ({ endpoint: 'STAGE_DELETE', args: { ...deals, pipeline: setup.pipeline, id: setup.id } }),
    status: 400,
    check: ({ subCategory, context }, { setup }) => {
      assert.equal(subCategory, 'PipelineError.STAGE_ID_IN_USE');
      assert.deepEqual(context.stageId, [setup.id]);
    },
  }),
  scene({
    name: 'what was done to a stage',
    writes: true,
    setup: async (ctx) => {
      const pipeline = await create(ctx);
      const path = `/crm/v3/pipelines/deals/${pipeline.id}/stages/${pipeline.stages[0].id}`;
      assert.equal((await ctx.sim.api('PATCH', path, { label: 'Renamed' })).status, 200);
      return pipeline;
    },
    sdk: (client, { setup }) => client.crm.pipelines.pipelineStageAuditsApi.getAudit('deals', setup.stages[0].id),
    sluice: ({ setup }) => ({ endpoint: 'STAGE_AUDIT', args: { ...deals, pipeline: setup.id, id: setup.stages[0].id } }),
    status: 200,
    check: ({ results }) => assert.deepEqual(results.map((a) => [a.action, a.rawObject.label]), [['UPDATE', 'Renamed']]),
  }),
]);

// Only sluice speaks the dated form.
runScenes('pipelines of 2026-09', OPTIONS, [
  scene({
    name: 'a used pipeline, nothing said',
    writes: true,
    versions: ['2026-09'],
    setup: usedStage,
    sdk: async (client, { sim, setup }) => {
      const { status, json } = await sim.api('DELETE', `/crm/pipelines/2026-09/deals/${setup.pipeline}`);
      throw Object.assign(new Error(json.message), { code: status, body: json });
    },
    sluice: ({ setup }) => ({ endpoint: 'PIPELINE_DELETE', args: { ...deals, id: setup.pipeline } }),
    status: 400,
    check: ({ subCategory }) => assert.equal(subCategory, 'PipelineError.PIPELINE_ID_IN_USE'),
  }),
]);
