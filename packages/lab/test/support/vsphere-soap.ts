import type { SimulatedVsphere, VsphereUser } from 'holdfast-lab'

/** What a call was answered with. */
export interface SoapAnswer {
  readonly status: number
  readonly text: string
}

/** Speaks SOAP with a session cookie, and as little else as possible: what comes is compared as text. */
export function soapClient({ url }: Pick<SimulatedVsphere, 'url'>) {
  let cookie = ''
  async function call(method: string, type: string, ref: string, body = ''): Promise<SoapAnswer> {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'text/xml; charset=utf-8', SOAPAction: 'urn:vim25/7.0', Cookie: cookie },
      body: envelope(`<${method} xmlns="urn:vim25"><_this type="${type}">${ref}</_this>${body}</${method}>`),
    })
    const [set] = response.headers.getSetCookie()
    if (set !== undefined) cookie = set.split(';')[0] ?? ''
    return { status: response.status, text: await response.text() }
  }
  const login = async ({ user, password }: VsphereUser) =>
    await call(
      'Login',
      'SessionManager',
      'SessionManager',
      `<userName>${user}</userName><password>${password}</password>`,
    )
  const now = async () => await call('CurrentTime', 'ServiceInstance', 'ServiceInstance')
  const fetchProperty = async (type: string, ref: string, name: string) =>
    (await call('Fetch', type, ref, `<prop>${name}</prop>`)).text

  /** Calls what makes a task, and returns the task's info when it has ended. */
  async function task(method: string, type: string, ref: string, body = ''): Promise<string> {
    const { text } = await call(method, type, ref, body)
    const made = /type="Task">([^<]+)</.exec(text)?.[1]
    if (made === undefined) throw new Error(text)
    for (const endsAt = performance.now() + 20_000; performance.now() < endsAt; ) {
      const info = await fetchProperty('Task', made, 'info')
      if (/<state>(success|error)</.test(info)) return info
    }
    throw new Error(`${method} does not end`)
  }
  const snapshot = async (vm: string, quiesce: boolean) => {
    const wish = `<name>s</name><memory>false</memory><quiesce>${quiesce}</quiesce>`
    const info = await task('CreateSnapshot_Task', 'VirtualMachine', vm, wish)
    return { info, ref: /type="VirtualMachineSnapshot">([^<]+)</.exec(info)?.[1] ?? '' }
  }
  const removeSnapshot = async (ref: string, more = '') =>
    await task('RemoveSnapshot_Task', 'VirtualMachineSnapshot', ref, `<removeChildren>false</removeChildren>${more}`)
  return { call, login, now, task, fetchProperty, snapshot, removeSnapshot, cookie: () => cookie }
}

function envelope(body: string): string {
  const namespaces = [
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"',
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"',
  ]
  return `<?xml version="1.0"?><soapenv:Envelope ${namespaces.join(' ')}><soapenv:Body>${body}</soapenv:Body></soapenv:Envelope>`
}

/** The value of the first element of a name. */
export function element(text: string, name: string): string | undefined {
  return new RegExp(`<${name}[^>]*>([^<]*)<`).exec(text)?.[1]
}
