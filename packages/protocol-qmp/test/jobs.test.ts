import { describe, expect, it } from 'vitest'
import { cancelJob, connectQmp, runJob } from '../src/index.js'
import { type FakeCall, fakeFailure, fakeQmp } from '../src/testing/index.js'

/** A QEMU with one job, of which the test says how it goes on. */
async function withJob({ onCancel = 'concluded' }: { readonly onCancel?: 'concluded' | 'hangs' } = {}) {
  let job: { id: string; status: string; error?: string } | undefined
  const become = (status: string, error?: string) => {
    if (job === undefined) return
    job = { id: job.id, status, ...(error !== undefined && { error }) }
    fake.emit('JOB_STATUS_CHANGE', { id: job.id, status })
  }
  const fake = fakeQmp({
    answers: {
      start: ({ args }: FakeCall) => {
        job = { id: String(args['job-id']), status: 'created' }
        become('running')
      },
      refuse: fakeFailure("Cannot find device='' nor node-name='x'"),
      'query-jobs': () =>
        job === undefined ? [] : [{ type: 'backup', 'current-progress': 1, 'total-progress': 2, ...job }],
      'job-dismiss': () => {
        job = undefined
      },
      'job-cancel': () => {
        if (job === undefined) return fakeFailure('Job not found')
        if (onCancel === 'concluded') become('concluded', 'Operation canceled')
        return {}
      },
      'job-complete': () => become('concluded'),
    },
  })
  const session = await connectQmp({ stream: fake.connect() }, { commandTimeoutMs: 2000 })
  const start = (signal: AbortSignal) => session.execute('start', { 'job-id': 'j' }, { signal })
  return {
    fake,
    session,
    become,
    run: { id: 'j', start },
    jobIsLeft: () => job !== undefined,
    vanish: () => {
      job = undefined
    },
    sent: (command: string) => fake.calls.filter((call) => call.command === command).length,
  }
}

const soon = (work: () => void) => setTimeout(work, 10)

describe('following a job', () => {
  it('resolves with the job when it has concluded, and dismisses it', async () => {
    const { session, become, run, jobIsLeft } = await withJob()
    await using _ = session
    soon(() => become('concluded'))
    const job = await runJob(session, run, { pollMs: 5000 })
    expect(job).toEqual({
      id: 'j',
      type: 'backup',
      status: 'concluded',
      progress: 1,
      totalProgress: 2,
      error: undefined,
    })
    expect(jobIsLeft()).toBe(false)
  })

  it("throws the job's own error, and dismisses it", async () => {
    const { session, become, run, jobIsLeft } = await withJob()
    await using _ = session
    soon(() => become('concluded', 'No space left on device'))
    await expect(runJob(session, run)).rejects.toMatchObject({ code: 'job', desc: 'No space left on device' })
    expect(jobIsLeft()).toBe(false)
  })

  it('needs no event: a job is asked for too', async () => {
    const { session, run } = await withJob()
    const fake = fakeQmp({
      answers: {
        start: {},
        'query-jobs': [{ id: 'j', type: 'create', status: 'concluded', 'current-progress': 0, 'total-progress': 0 }],
        'job-dismiss': {},
      },
    })
    await session[Symbol.asyncDispose]()
    await using other = await connectQmp({ stream: fake.connect() })
    await expect(runJob(other, { ...run, start: () => other.execute('start') })).resolves.toMatchObject({
      type: 'create',
    })
  })

  it('sees a job conclude whose event was lost, at the next poll', async () => {
    const { session, run, become } = await withJob()
    await using _ = session
    const deaf = { ...session, expectEvent: (_match: unknown, options = {}) => session.expectEvent('NEVER', options) }
    soon(() => become('concluded'))
    await expect(runJob(deaf, run, { pollMs: 20 })).resolves.toMatchObject({ status: 'concluded' })
  })

  it('tells each status once, and lets the caller complete a job that is ready', async () => {
    const { session, become, run } = await withJob()
    await using _ = session
    soon(() => become('ready'))
    const seen: string[] = []
    await runJob(
      session,
      {
        ...run,
        onStatus: async ({ status }) => {
          seen.push(status)
          if (status === 'ready') await session.execute('job-complete', { id: 'j' })
        },
      },
      { pollMs: 5 },
    )
    expect(seen).toEqual(['running', 'ready'])
  })

  it('throws the refusal of a job that does not start, and cancels nothing', async () => {
    const { session, run, sent } = await withJob()
    await using _ = session
    const refused = runJob(session, { ...run, start: () => session.execute('refuse') })
    await expect(refused).rejects.toMatchObject({ code: 'command', command: 'refuse' })
    expect(sent('job-cancel')).toBe(0)
  })

  it('says that a job dismissed itself', async () => {
    const { session, run, vanish } = await withJob()
    await using _ = session
    soon(vanish)
    await expect(runJob(session, run, { pollMs: 20 })).rejects.toMatchObject({
      code: 'job',
      hint: expect.stringContaining('auto-dismiss'),
    })
  })

  it.each(['timeout', 'aborted'])('cancels and dismisses the job at a %s', async (code) => {
    const { session, run, jobIsLeft } = await withJob()
    await using _ = session
    const controller = new AbortController()
    const limits = code === 'timeout' ? { timeoutMs: 30 } : { signal: controller.signal }
    setTimeout(() => controller.abort(), 30)
    await expect(runJob(session, run, limits)).rejects.toMatchObject({ code })
    expect(jobIsLeft()).toBe(false)
  })

  it('cancels the job when the caller fails', async () => {
    const { session, run, jobIsLeft } = await withJob()
    await using _ = session
    const onStatus = () => {
      throw new RangeError('mine')
    }
    await expect(runJob(session, { ...run, onStatus })).rejects.toThrow(RangeError)
    expect(jobIsLeft()).toBe(false)
  })

  it('says that the job may be left when QEMU is gone', async () => {
    const { fake, session, run } = await withJob()
    soon(() => fake.cut())
    await expect(runJob(session, run)).rejects.toMatchObject({
      code: 'closed',
      message: expect.stringContaining('job j may be left'),
      hint: expect.stringContaining('job-cancel'),
    })
  })

  it('starts nothing for a signal that has aborted', async () => {
    const { session, run, sent } = await withJob()
    await using _ = session
    await expect(runJob(session, run, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' })
    expect(sent('start')).toBe(0)
  })
})

describe('cancelling a job', () => {
  it('waits for its end, dismisses it and tells how it ended', async () => {
    const { session, run, jobIsLeft } = await withJob()
    await using _ = session
    await run.start(new AbortController().signal)
    await expect(cancelJob(session, 'j')).resolves.toMatchObject({ status: 'concluded', error: 'Operation canceled' })
    expect(jobIsLeft()).toBe(false)
  })

  it('does nothing for a job that is not there', async () => {
    const { session } = await withJob()
    await using _ = session
    await expect(cancelJob(session, 'j')).resolves.toBeUndefined()
  })

  it('gives up on a job that does not end', async () => {
    const { session, run } = await withJob({ onCancel: 'hangs' })
    await using _ = session
    await run.start(new AbortController().signal)
    await expect(cancelJob(session, 'j', { timeoutMs: 30, pollMs: 5 })).rejects.toMatchObject({ code: 'timeout' })
  })

  it('throws what is wrong with the connection', async () => {
    const { fake, session } = await withJob()
    fake.cut()
    await expect(cancelJob(session, 'j')).rejects.toMatchObject({ code: 'closed' })
  })
})
