"""Holds and settlements with the account's monthly cap; alerts at 50, 80 and 100 % of a cap.

The cap costs no statement of its own: its counters stand in the balance's row, which both functions write anyway.
Lock order as before: the hold's row (settle only), then the balance's row, then the key's month.
"""

from django.db import migrations

LEDGER_ACCOUNT = """
-- The id of a pot, made at its first use. Two branches, because IS NOT DISTINCT FROM cannot use the index on the
-- owner: it would read every customer's pot of that kind.
CREATE OR REPLACE FUNCTION metering_ledger_account(p_kind text, p_account_id text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE found bigint;
BEGIN
    FOR attempt IN 1..2 LOOP
        IF p_account_id IS NULL THEN
            SELECT id INTO found FROM metering_ledgeraccount WHERE kind = p_kind AND account_id IS NULL;
        ELSE
            SELECT id INTO found FROM metering_ledgeraccount WHERE kind = p_kind AND account_id = p_account_id;
        END IF;
        IF found IS NOT NULL THEN
            RETURN found;
        END IF;
        INSERT INTO metering_ledgeraccount (kind, account_id) VALUES (p_kind, p_account_id) ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN found;
END $$;
"""

SPEND_ALERT = """
-- Writes down the thresholds that spending has passed on its way from p_before to p_spent. 100 % is reached when not
-- one token more is affordable under the cap. Each threshold of a cap is told once a month.
CREATE FUNCTION metering_spend_alert(
    p_account_id text, p_api_key_id text, p_month date, p_cap bigint, p_before bigint, p_spent bigint, p_price bigint
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO metering_spendalert (account_id, api_key_id, month, cap_nano_usd, percent, spent_nano_usd, created_at)
        SELECT p_account_id, p_api_key_id, p_month, p_cap, t.percent, p_spent, now()
        FROM unnest(ARRAY[50, 80, 100]) AS t(percent),
            LATERAL (SELECT CASE WHEN t.percent = 100 THEN greatest(p_cap - p_price, 0)::numeric + 1
                     ELSE p_cap::numeric * t.percent / 100 END AS amount) AS threshold
        WHERE p_spent >= threshold.amount AND p_before < threshold.amount
    ON CONFLICT DO NOTHING
$$;
"""

HOLD_PLACE = """
-- Sets money aside for a run. outcome: placed | repeated | taken (by another account) | not_priced | refused
-- (then max_total_tokens is what is affordable) | account_capped | key_capped (likewise, with the cap and what is
-- spent and held of it this month).
CREATE FUNCTION metering_hold_place(
    p_run_id text, p_account_id text, p_api_key_id text, p_model text, p_bound_tokens bigint, p_min_tokens bigint
) RETURNS TABLE (outcome text, max_total_tokens bigint, price_nano_usd_per_token bigint, amount_nano_usd bigint,
                 cap_nano_usd bigint, cap_spent_nano_usd bigint, cap_held_nano_usd bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_price bigint; v_price_id bigint; v_free bigint; v_tokens bigint; v_amount bigint;
    v_cap bigint; v_spent bigint; v_held bigint; v_key_cap bigint; v_key_spent bigint; v_key_held bigint;
    v_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
    v_old metering_hold%ROWTYPE;
BEGIN
    -- Everything below is serial per account from here on: a repeat of this call waits and then finds the hold.
    SELECT b.available_nano_usd + b.credit_limit_nano_usd, b.monthly_cap_nano_usd,
            CASE WHEN b.month = v_month THEN b.month_spent_nano_usd ELSE 0 END,
            CASE WHEN b.month = v_month THEN b.month_held_nano_usd ELSE 0 END
        INTO v_free, v_cap, v_spent, v_held
        FROM metering_balance b WHERE b.account_id = p_account_id FOR NO KEY UPDATE;
    SELECT * INTO v_old FROM metering_hold h WHERE h.run_id = p_run_id;
    IF FOUND THEN
        RETURN QUERY SELECT CASE WHEN v_old.account_id = p_account_id THEN 'repeated' ELSE 'taken' END,
            v_old.max_total_tokens, v_old.price_nano_usd_per_token, v_old.amount_nano_usd,
            NULL::bigint, NULL::bigint, NULL::bigint;
        RETURN;
    END IF;

    SELECT p.nano_usd_per_token, p.id INTO v_price, v_price_id FROM metering_price p
        WHERE p.model = p_model AND p.effective_from <= clock_timestamp() ORDER BY p.effective_from DESC LIMIT 1;
    IF v_price IS NULL THEN
        RETURN QUERY SELECT 'not_priced', 0::bigint, 0::bigint, 0::bigint, NULL::bigint, NULL::bigint, NULL::bigint;
        RETURN;
    END IF;

    v_tokens := least(p_bound_tokens, greatest(coalesce(v_free, 0), 0) / v_price);
    IF v_tokens < p_min_tokens THEN
        RETURN QUERY SELECT 'refused', v_tokens, v_price, 0::bigint, NULL::bigint, NULL::bigint, NULL::bigint;
        RETURN;
    END IF;
    IF v_cap IS NOT NULL THEN
        v_tokens := least(v_tokens, greatest(v_cap - v_spent - v_held, 0) / v_price);
        IF v_tokens < p_min_tokens THEN
            RETURN QUERY SELECT 'account_capped', v_tokens, v_price, 0::bigint, v_cap, v_spent, v_held;
            RETURN;
        END IF;
    END IF;

    IF p_api_key_id IS NOT NULL THEN
        SELECT k.monthly_cap_nano_usd INTO v_key_cap FROM accounts_apikey k WHERE k.id = p_api_key_id;
        INSERT INTO metering_keymonth (api_key_id, month, spent_nano_usd, held_nano_usd)
            VALUES (p_api_key_id, v_month, 0, 0) ON CONFLICT DO NOTHING;
        SELECT m.spent_nano_usd, m.held_nano_usd INTO v_key_spent, v_key_held
            FROM metering_keymonth m WHERE m.api_key_id = p_api_key_id AND m.month = v_month FOR NO KEY UPDATE;
        IF v_key_cap IS NOT NULL THEN
            v_tokens := least(v_tokens, greatest(v_key_cap - v_key_spent - v_key_held, 0) / v_price);
            IF v_tokens < p_min_tokens THEN
                RETURN QUERY SELECT 'key_capped', v_tokens, v_price, 0::bigint, v_key_cap, v_key_spent, v_key_held;
                RETURN;
            END IF;
        END IF;
    END IF;

    v_amount := v_tokens * v_price;
    UPDATE metering_balance b
        SET available_nano_usd = b.available_nano_usd - v_amount, held_nano_usd = b.held_nano_usd + v_amount,
            month = v_month, month_spent_nano_usd = v_spent, month_held_nano_usd = v_held + v_amount
        WHERE b.account_id = p_account_id AND b.available_nano_usd + b.credit_limit_nano_usd >= v_amount;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'hold % of % n$ found no money under its own lock', p_run_id, v_amount;
    END IF;
    INSERT INTO metering_hold (run_id, account_id, api_key_id, model, price_id, price_nano_usd_per_token,
                               max_total_tokens, amount_nano_usd, month, is_open, created_at)
        VALUES (p_run_id, p_account_id, p_api_key_id, p_model, v_price_id, v_price, v_tokens, v_amount, v_month, true,
                now());
    IF p_api_key_id IS NOT NULL THEN
        UPDATE metering_keymonth m SET held_nano_usd = m.held_nano_usd + v_amount
            WHERE m.api_key_id = p_api_key_id AND m.month = v_month;
        UPDATE accounts_apikey k SET last_used_at = now(), last_used_model = p_model
            WHERE k.id = p_api_key_id AND (k.last_used_model <> p_model OR k.last_used_at IS NULL
                OR k.last_used_at < now() - interval '1 minute');
    END IF;
    PERFORM metering_ledger_post('hold', 'hold:' || p_run_id, p_run_id, '', '',
        ARRAY['credit', 'hold'], ARRAY[p_account_id, p_account_id], ARRAY[-v_amount, v_amount]);
    RETURN QUERY SELECT 'placed', v_tokens, v_price, v_amount, NULL::bigint, NULL::bigint, NULL::bigint;
END $$;
"""

RUN_SETTLE = """
-- Closes a run's hold exactly once and returns its usage row; a repeat returns the first one's. No row: no hold.
CREATE OR REPLACE FUNCTION metering_run_settle(
    p_run_id text, p_prompt bigint, p_completion bigint, p_tool_result bigint, p_reasoning bigint,
    p_is_billable boolean, p_finish_reason text
) RETURNS SETOF metering_usagerecord LANGUAGE plpgsql AS $$
DECLARE
    v_hold metering_hold%ROWTYPE; v_list bigint; v_cost bigint;
    v_cap bigint; v_spent bigint; v_is_month boolean;
BEGIN
    UPDATE metering_hold h SET is_open = false, closed_at = now()
        WHERE h.run_id = p_run_id AND h.is_open RETURNING * INTO v_hold;
    IF NOT FOUND THEN
        RETURN QUERY SELECT * FROM metering_usagerecord u WHERE u.run_id = p_run_id;
        RETURN;
    END IF;

    v_list := (p_prompt + p_completion) * v_hold.price_nano_usd_per_token;
    -- The node stops at max_total_tokens. Should it ever count more, the customer pays what was held, we the rest.
    v_cost := CASE WHEN p_is_billable THEN least(v_list, v_hold.amount_nano_usd) ELSE 0 END;

    UPDATE metering_balance b
        SET available_nano_usd = b.available_nano_usd + v_hold.amount_nano_usd - v_cost,
            held_nano_usd = b.held_nano_usd - v_hold.amount_nano_usd,
            month_spent_nano_usd = b.month_spent_nano_usd + CASE WHEN b.month = v_hold.month THEN v_cost ELSE 0 END,
            month_held_nano_usd = b.month_held_nano_usd
                - CASE WHEN b.month = v_hold.month THEN v_hold.amount_nano_usd ELSE 0 END
        WHERE b.account_id = v_hold.account_id
        RETURNING b.monthly_cap_nano_usd, b.month_spent_nano_usd, b.month = v_hold.month
        INTO v_cap, v_spent, v_is_month;
    IF v_cap IS NOT NULL AND v_is_month AND v_cost > 0 THEN
        PERFORM metering_spend_alert(v_hold.account_id, NULL, v_hold.month, v_cap, v_spent - v_cost, v_spent,
            v_hold.price_nano_usd_per_token);
    END IF;
    IF v_hold.api_key_id IS NOT NULL THEN
        UPDATE metering_keymonth m
            SET held_nano_usd = m.held_nano_usd - v_hold.amount_nano_usd, spent_nano_usd = m.spent_nano_usd + v_cost
            WHERE m.api_key_id = v_hold.api_key_id AND m.month = v_hold.month
            RETURNING m.spent_nano_usd INTO v_spent;
        SELECT k.monthly_cap_nano_usd INTO v_cap FROM accounts_apikey k WHERE k.id = v_hold.api_key_id;
        IF v_cap IS NOT NULL AND v_cost > 0 THEN
            PERFORM metering_spend_alert(v_hold.account_id, v_hold.api_key_id, v_hold.month, v_cap, v_spent - v_cost,
                v_spent, v_hold.price_nano_usd_per_token);
        END IF;
    END IF;
    PERFORM metering_ledger_post('settle', 'settle:' || p_run_id, p_run_id, '', '',
        ARRAY['hold', 'revenue', 'credit'], ARRAY[v_hold.account_id, NULL, v_hold.account_id],
        ARRAY[-v_hold.amount_nano_usd, v_cost, v_hold.amount_nano_usd - v_cost]);
    IF v_list > v_cost THEN
        PERFORM metering_ledger_post('waste', 'waste:' || p_run_id, p_run_id, '', '',
            ARRAY['waste', 'production'], ARRAY[NULL, NULL]::text[], ARRAY[v_cost - v_list, v_list - v_cost]);
    END IF;
    RETURN QUERY INSERT INTO metering_usagerecord (run_id, account_id, api_key_id, model, price_nano_usd_per_token,
            prompt_tokens, completion_tokens, tool_result_tokens, reasoning_tokens, cost_nano_usd, is_billable,
            finish_reason, created_at)
        VALUES (p_run_id, v_hold.account_id, v_hold.api_key_id, v_hold.model, v_hold.price_nano_usd_per_token,
            p_prompt, p_completion, p_tool_result, p_reasoning, v_cost, p_is_billable, p_finish_reason, now())
        RETURNING *;
END $$;
"""

# What accounts spent and hold this month before the counters existed; which price version an old hold was sold at.
BACKFILL = """
UPDATE metering_balance b SET month = m.month, month_spent_nano_usd = m.spent, month_held_nano_usd = m.held
    FROM (SELECT h.account_id, h.month, coalesce(sum(u.cost_nano_usd), 0) AS spent,
                 coalesce(sum(h.amount_nano_usd) FILTER (WHERE h.is_open), 0) AS held
          FROM metering_hold h LEFT JOIN metering_usagerecord u ON u.run_id = h.run_id
          WHERE h.month = date_trunc('month', now() AT TIME ZONE 'UTC')::date GROUP BY h.account_id, h.month) m
    WHERE m.account_id = b.account_id;
UPDATE metering_hold h SET price_id = (
    SELECT p.id FROM metering_price p WHERE p.model = h.model AND p.nano_usd_per_token = h.price_nano_usd_per_token
        AND p.effective_from <= h.created_at ORDER BY p.effective_from DESC LIMIT 1);
"""

DROP_HOLD_PLACE = "DROP FUNCTION metering_hold_place(text, text, text, text, bigint, bigint);"


class Migration(migrations.Migration):
    dependencies = [("metering", "0006_spend_caps")]
    operations = [
        migrations.RunSQL(LEDGER_ACCOUNT, migrations.RunSQL.noop),
        migrations.RunSQL(SPEND_ALERT, "DROP FUNCTION metering_spend_alert;"),
        migrations.RunSQL(DROP_HOLD_PLACE + HOLD_PLACE, migrations.RunSQL.noop),
        migrations.RunSQL(RUN_SETTLE, migrations.RunSQL.noop),
        migrations.RunSQL(BACKFILL, migrations.RunSQL.noop),
    ]
