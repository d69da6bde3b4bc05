import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { errors } from "../src/locales/en/errors";
import { type OpenBrowser, openChromium } from "./support/browser";
import { openConsultation, Person } from "./support/person";
import { Server } from "./support/server";
import { testid } from "./support/tab";
import { until } from "./support/until";

let server: Server;
let doctor: Person;
let doctorBrowser: OpenBrowser;
const open: OpenBrowser[] = [];
beforeAll(async () => {
  [server, doctorBrowser] = await Promise.all([Server.start(), openChromium()]);
  doctor = new Person(doctorBrowser.page, server);
  await doctor.signIn(server.account("doctor"));
});
afterEach(() => Promise.all(open.splice(0).map(({ browser }) => browser.close())));
afterAll(async () => {
  await doctorBrowser?.browser.close();
  await server?.stop();
});

async function patient(options: Parameters<typeof openChromium>[0] = {}): Promise<[Person, OpenBrowser]> {
  const browser = await openChromium(options);
  open.push(browser);
  const person = new Person(browser.page, server);
  await person.signIn(server.account("patient"));
  return [person, browser];
}

it("says in the lobby that the consultation is not open yet", async () => {
  const [person, { page }] = await patient();
  const { id } = await person.api<{ id: string }>("POST", "/consultations", { reason: "Rash", specialty: "" });
  await page.goto(`${server.url}/consultations/${id}/call`);
  await until("the sentence", async () => (await person.bodyText()).includes(errors.consultation_not_active.title));
  await person.api("POST", `/consultations/${id}/cancel`);
});

it("lets somebody in whose camera and microphone are blocked, and says what to do", async () => {
  const [person, { page }] = await patient({ denyDevices: true });
  const { id } = await openConsultation(doctor, person);
  await page.goto(`${server.url}/consultations/${id}/lobby`);
  await until("the sentence", async () => {
    const text = await person.bodyText();
    return text.includes(errors.camera_denied.title) && text.includes(errors.camera_denied.action);
  });
  await doctor.enterLobby(id);
  await doctor.join();
  await person.join();
  await person.sees(1);
  await doctor.api("POST", `/consultations/${id}/end`);
  expect(await person.received()).toHaveProperty("audioStreams");
});

it("says that the server cannot be reached, and comes back by itself", async () => {
  const [person, { page }] = await patient();
  const { id } = await openConsultation(doctor, person);
  await person.enterLobby(id);
  await person.join();
  await server.end("SIGKILL");
  const banner = page.locator(testid("connection-banner"));
  await banner.waitFor({ timeout: 30_000 });
  expect(await banner.innerText()).not.toBe("");
  await server.launch();
  await person.inCall();
  await banner.waitFor({ state: "hidden", timeout: 30_000 });
});
