import { testClient } from './client-tests.ts'
import { skopeo } from './skopeo.ts'

testClient(skopeo)
