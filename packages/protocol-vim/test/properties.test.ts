import { expect, it } from 'vitest'
import { connectVim, listObjects, moRef, readObject, runTask, textAt, watchObject } from '../src/index.js'
import { fakeFault, fakeVsphere } from '../src/testing/index.js'

const login = { user: 'user', password: 'pass' }

it('lists an inventory page by page', async () => {
  await using server = await fakeVsphere()
  for (let at = 0; at < 250; at += 1)
    server.objects.add('VirtualMachine', 'vm', { name: `machine <${at}> & "co"`, config: { uuid: `uuid-${at}` } })
  await using session = await connectVim(server.address, login)
  const names: string[] = []
  for await (const { properties } of listObjects(session, {
    type: 'VirtualMachine',
    paths: ['name', 'config.uuid', 'absent'],
  })) {
    names.push(properties.get('name')?.text ?? '')
    expect(properties.has('absent')).toBe(false)
    expect(properties.get('config.uuid')?.text).toBe(`uuid-${names.length - 1}`)
  }
  expect(names).toEqual(Array.from({ length: 250 }, (_, at) => `machine <${at}> & "co"`))
  expect(server.calls.filter((each) => each === 'ContinueRetrievePropertiesEx').length).toBe(2)
  expect(server.calls).toContain('DestroyView')
})

it('gives back what it holds on the server when nobody reads on', async () => {
  await using server = await fakeVsphere()
  for (let at = 0; at < 150; at += 1) server.objects.add('VirtualMachine', 'vm', { name: 'x' })
  await using session = await connectVim(server.address, login)
  for await (const _ of listObjects(session, { type: 'VirtualMachine', paths: ['name'] })) break
  expect(server.calls).toContain('CancelRetrievePropertiesEx')
  expect(server.calls).toContain('DestroyView')
})

it('tells each change of an object, over sessions that expire', async () => {
  await using server = await fakeVsphere()
  const machine = server.objects.add('VirtualMachine', 'vm', { runtime: { powerState: 'poweredOff' } })
  await using session = await connectVim(server.address, login)
  const states: string[] = []
  for await (const properties of watchObject(session, machine, ['runtime.powerState'])) {
    states.push(properties.get('runtime.powerState')?.text ?? '')
    if (states.length === 3) break
    server.expireSessions()
    server.objects.set(machine, 'runtime.powerState', states.length === 1 ? 'poweredOn' : 'suspended')
  }
  expect(states).toEqual(['poweredOff', 'poweredOn', 'suspended'])
})

it('waits for tasks, many at a time, and tells what they ended with', async () => {
  await using server = await fakeVsphere({
    methods: {
      CreateSnapshot_Task: ({ args }) =>
        server.startTask(() => {
          const name = textAt(args, 'name') ?? ''
          if (name === 'bad') throw fakeFault('SnapshotFault', 'An error occurred while taking a snapshot.')
          return moRef('VirtualMachineSnapshot', name)
        }),
    },
  })
  const machine = server.objects.add('VirtualMachine', 'vm')
  await using session = await connectVim(server.address, login)
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, at) => runTask(session, machine, 'CreateSnapshot_Task', { name: `snapshot-${at}` })),
  )
  expect(results.map((each) => each?.text)).toEqual(Array.from({ length: 20 }, (_, at) => `snapshot-${at}`))
  await expect(runTask(session, machine, 'CreateSnapshot_Task', { name: 'bad' })).rejects.toMatchObject({
    code: 'task',
    fault: 'SnapshotFault',
    method: 'CreateSnapshot_Task',
  })
})

it('does not wait for ever for an update that was lost', async () => {
  await using server = await fakeVsphere({
    methods: {
      WaitForUpdatesEx: ({ args }) => {
        // Of changes it never tells.
        if (textAt(args, 'version') !== '') return undefined
        const val = { _typeName: 'string', _value: String(server.objects.get(task, 'info.state')) }
        const changeSet = [{ name: 'info.state', op: 'assign', val }]
        const objectSet = [{ kind: 'modify', obj: task, changeSet }]
        return { version: '1', filterSet: [{ filter: moRef('PropertyFilter', 'filter'), objectSet }] }
      },
    },
  })
  const task = server.objects.add('Task', 'task', { info: { state: 'running' } })
  await using session = await connectVim(server.address, login)
  const states: string[] = []
  for await (const properties of watchObject(session, task, ['info.state'])) {
    states.push(properties.get('info.state')?.text ?? '')
    if (states.at(-1) === 'success') break
    server.objects.set(task, 'info.state', 'success')
  }
  expect(states).toEqual(['running', 'success'])
})

it('says that an object is gone', async () => {
  await using server = await fakeVsphere()
  await using session = await connectVim(server.address, login)
  await expect(readObject(session, moRef('VirtualMachine', 'vm-1'), ['name'])).rejects.toMatchObject({
    code: 'fault',
    fault: 'ManagedObjectNotFound',
  })
})
