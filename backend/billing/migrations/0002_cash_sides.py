"""The comparison of Stripe's lines with the ledger's `cash`: one row for each fact that either side knows.

Our own money with Stripe (fees, payouts to our bank) is left out: no customer's, so not in the ledger. A line of a
kind nobody thought of is a row of its own, so it shows as a difference.
"""

from django.db import migrations

FORWARD = """
CREATE VIEW billing_cash_sides AS
WITH stripe AS (
    SELECT CASE
            WHEN l.category IN ('charge', 'payment') THEN coalesce('invoice:' || i.id, 'topup:' || l.payment_intent_id)
            WHEN l.category IN ('refund', 'refund_failure') THEN 'refund:' || coalesce(r.id, l.source_id)
            WHEN l.category IN ('dispute', 'dispute_reversal') THEN 'dispute:' || l.source_id
            ELSE 'line:' || l.id END AS name,
        sum(l.amount_cents)::bigint * 10000000 AS amount, max(l.created_at) AS at
    FROM billing_stripeline l
    LEFT JOIN billing_invoice i ON i.payment_intent_id = l.payment_intent_id AND l.payment_intent_id <> ''
    LEFT JOIN billing_refund r ON r.stripe_refund_id = l.source_id
    WHERE l.category NOT IN ('fee', 'payout', 'payout_reversal', 'topup', 'topup_reversal', 'tax', 'network_cost')
    GROUP BY 1
), ledger AS (
    SELECT regexp_replace(t.source, '^(refund|dispute)_reversal:', '\\1:') AS name,
        -sum(e.amount_nano_usd)::bigint AS amount, max(t.created_at) AS at
    FROM metering_ledgerentry e
    JOIN metering_ledgeraccount a ON a.id = e.ledger_account_id AND a.kind = 'cash'
    JOIN metering_ledgertransaction t ON t.id = e.transaction_id
    GROUP BY 1
)
SELECT coalesce(s.name, l.name) AS name, coalesce(s.amount, 0) AS stripe_nano_usd,
    coalesce(l.amount, 0) AS ledger_nano_usd, greatest(s.at, l.at) AS at
FROM stripe s FULL JOIN ledger l ON l.name = s.name
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("metering", "0005_payment_functions")]
    operations = [migrations.RunSQL(FORWARD, "DROP VIEW billing_cash_sides")]
