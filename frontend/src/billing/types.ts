/** The shapes of /api/billing and the statement, as the generated schema has them. */
import type { components } from "../api/schema.gen";

type Schemas = components["schemas"];

export type Billing = Schemas["Billing"];
export type Banner = Schemas["Banner"];
export type Payment = Required<Schemas["Payment"]>;
export type AutoTopUp = Schemas["AutoTopUp"];
export type AutoTopUpWish = Schemas["AutoTopUpInput"];
