import { testClient } from './client-tests.ts'
import { podman } from './podman.ts'

testClient(podman)
