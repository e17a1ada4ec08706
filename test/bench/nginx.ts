import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import { environment } from '../harness/run.ts'

const startTimeoutMs = 10_000

/** An nginx of one worker with sendfile, as a server of static files is set up. */
export interface Nginx extends AsyncDisposable {
  readonly url: string
}

/** @param own - a directory for what nginx itself writes */
export async function startNginx(root: string, own: string): Promise<Nginx> {
  await mkdir(own, { recursive: true })
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(own, name)};`)
    .join(' ')
  const configuration = `
    daemon off; user root; worker_processes 1; pid ${join(own, 'pid')}; error_log stderr crit;
    events { worker_connections 64; }
    http {
      access_log off; sendfile on; tcp_nopush on; ${temporary}
      server { listen 127.0.0.1:${port}; root ${root}; }
    }`
  const file = join(own, 'nginx.conf')
  await writeFile(file, configuration)
  const nginx = execa('nginx', ['-c', file, '-e', 'stderr'], {
    env: environment(),
    extendEnv: false,
    reject: false,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const url = `http://127.0.0.1:${port}`
  const deadline = AbortSignal.timeout(startTimeoutMs)
  while (!(await answers(url))) await delay(20, undefined, { signal: deadline })
  return {
    url,
    async [Symbol.asyncDispose]() {
      nginx.kill('SIGTERM')
      await nginx
    },
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).arrayBuffer() // whatever it is
    return true
  } catch {
    return false // not yet
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
