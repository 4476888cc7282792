"""The functions that move money: one statement, one transaction, one round trip each.

Lock order, the same everywhere: the hold's row (settle only), then the balance's row, then the key's month.
Amounts are bigint; a product that overflows raises instead of wrapping.
"""

from django.db import migrations

FORWARD = """
-- The id of a pot, made at its first use.
CREATE FUNCTION metering_ledger_account(p_kind text, p_account_id text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE found bigint;
BEGIN
    SELECT id INTO found FROM metering_ledgeraccount
        WHERE kind = p_kind AND account_id IS NOT DISTINCT FROM p_account_id;
    IF found IS NULL THEN
        INSERT INTO metering_ledgeraccount (kind, account_id) VALUES (p_kind, p_account_id) ON CONFLICT DO NOTHING;
        SELECT id INTO found FROM metering_ledgeraccount
            WHERE kind = p_kind AND account_id IS NOT DISTINCT FROM p_account_id;
    END IF;
    RETURN found;
END $$;

-- Writes one transaction whose pots are given as parallel arrays; entries of 0 are left out.
CREATE FUNCTION metering_ledger_post(
    p_kind text, p_source text, p_run_id text, p_actor text, p_reason text,
    p_pots text[], p_owners text[], p_amounts bigint[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE posted bigint;
BEGIN
    INSERT INTO metering_ledgertransaction (kind, source, run_id, actor, reason, created_at)
        VALUES (p_kind, p_source, p_run_id, p_actor, p_reason, now()) RETURNING id INTO posted;
    INSERT INTO metering_ledgerentry (transaction_id, ledger_account_id, amount_nano_usd)
        SELECT posted, metering_ledger_account(e.pot, e.owner), e.amount
        FROM unnest(p_pots, p_owners, p_amounts) AS e(pot, owner, amount) WHERE e.amount <> 0;
    RETURN posted;
END $$;

-- Sets money aside for a run. outcome: placed | repeated | taken (by another account) | not_priced | refused
-- (then max_total_tokens is what is affordable) | key_capped (likewise).
CREATE FUNCTION metering_hold_place(
    p_run_id text, p_account_id text, p_api_key_id text, p_model text, p_bound_tokens bigint, p_min_tokens bigint
) RETURNS TABLE (outcome text, max_total_tokens bigint, price_nano_usd_per_token bigint, amount_nano_usd bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_price bigint; v_free bigint; v_tokens bigint; v_amount bigint; v_cap bigint; v_key_free bigint;
    v_month date := date_trunc('month', now() AT TIME ZONE 'UTC')::date;
    v_old metering_hold%ROWTYPE;
BEGIN
    -- Everything below is serial per account from here on: a repeat of this call waits and then finds the hold.
    SELECT b.available_nano_usd + b.credit_limit_nano_usd INTO v_free
        FROM metering_balance b WHERE b.account_id = p_account_id FOR UPDATE;
    SELECT * INTO v_old FROM metering_hold h WHERE h.run_id = p_run_id;
    IF FOUND THEN
        RETURN QUERY SELECT CASE WHEN v_old.account_id = p_account_id THEN 'repeated' ELSE 'taken' END,
            v_old.max_total_tokens, v_old.price_nano_usd_per_token, v_old.amount_nano_usd;
        RETURN;
    END IF;

    SELECT p.nano_usd_per_token INTO v_price FROM metering_price p
        WHERE p.model = p_model AND p.effective_from <= clock_timestamp() ORDER BY p.effective_from DESC LIMIT 1;
    IF v_price IS NULL THEN
        RETURN QUERY SELECT 'not_priced', 0::bigint, 0::bigint, 0::bigint;
        RETURN;
    END IF;

    v_tokens := least(p_bound_tokens, greatest(coalesce(v_free, 0), 0) / v_price);
    IF v_tokens < p_min_tokens THEN
        RETURN QUERY SELECT 'refused', v_tokens, v_price, 0::bigint;
        RETURN;
    END IF;

    IF p_api_key_id IS NOT NULL THEN
        SELECT k.monthly_cap_nano_usd INTO v_cap FROM accounts_apikey k WHERE k.id = p_api_key_id;
        INSERT INTO metering_keymonth (api_key_id, month, spent_nano_usd, held_nano_usd)
            VALUES (p_api_key_id, v_month, 0, 0) ON CONFLICT DO NOTHING;
        SELECT v_cap - m.spent_nano_usd - m.held_nano_usd INTO v_key_free
            FROM metering_keymonth m WHERE m.api_key_id = p_api_key_id AND m.month = v_month FOR UPDATE;
        IF v_cap IS NOT NULL THEN
            v_tokens := least(v_tokens, greatest(v_key_free, 0) / v_price);
            IF v_tokens < p_min_tokens THEN
                RETURN QUERY SELECT 'key_capped', v_tokens, v_price, 0::bigint;
                RETURN;
            END IF;
        END IF;
    END IF;

    v_amount := v_tokens * v_price;
    UPDATE metering_balance b
        SET available_nano_usd = b.available_nano_usd - v_amount, held_nano_usd = b.held_nano_usd + v_amount
        WHERE b.account_id = p_account_id AND b.available_nano_usd + b.credit_limit_nano_usd >= v_amount;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'hold % of % n$ found no money under its own lock', p_run_id, v_amount;
    END IF;
    INSERT INTO metering_hold (run_id, account_id, api_key_id, model, price_nano_usd_per_token, max_total_tokens,
                               amount_nano_usd, month, is_open, created_at)
        VALUES (p_run_id, p_account_id, p_api_key_id, p_model, v_price, v_tokens, v_amount, v_month, true, now());
    IF p_api_key_id IS NOT NULL THEN
        UPDATE metering_keymonth m SET held_nano_usd = m.held_nano_usd + v_amount
            WHERE m.api_key_id = p_api_key_id AND m.month = v_month;
        UPDATE accounts_apikey k SET last_used_at = now(), last_used_model = p_model
            WHERE k.id = p_api_key_id AND (k.last_used_model <> p_model OR k.last_used_at IS NULL
                OR k.last_used_at < now() - interval '1 minute');
    END IF;
    PERFORM metering_ledger_post('hold', 'hold:' || p_run_id, p_run_id, '', '',
        ARRAY['credit', 'hold'], ARRAY[p_account_id, p_account_id], ARRAY[-v_amount, v_amount]);
    RETURN QUERY SELECT 'placed', v_tokens, v_price, v_amount;
END $$;

-- Closes a run's hold exactly once and returns its usage row; a repeat returns the first one's. No row: no hold.
CREATE FUNCTION metering_run_settle(
    p_run_id text, p_prompt bigint, p_completion bigint, p_tool_result bigint, p_reasoning bigint,
    p_is_billable boolean, p_finish_reason text
) RETURNS SETOF metering_usagerecord LANGUAGE plpgsql AS $$
DECLARE
    v_hold metering_hold%ROWTYPE; v_list bigint; v_cost bigint;
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
            held_nano_usd = b.held_nano_usd - v_hold.amount_nano_usd
        WHERE b.account_id = v_hold.account_id;
    IF v_hold.api_key_id IS NOT NULL THEN
        UPDATE metering_keymonth m
            SET held_nano_usd = m.held_nano_usd - v_hold.amount_nano_usd, spent_nano_usd = m.spent_nano_usd + v_cost
            WHERE m.api_key_id = v_hold.api_key_id AND m.month = v_hold.month;
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

-- Gives credit once per source. True when it was given now.
CREATE FUNCTION metering_credit_grant(
    p_account_id text, p_amount bigint, p_source text, p_pot text, p_actor text, p_reason text
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO metering_balance (account_id, available_nano_usd, held_nano_usd, credit_limit_nano_usd)
        VALUES (p_account_id, 0, 0, 0) ON CONFLICT DO NOTHING;
    PERFORM 1 FROM metering_balance b WHERE b.account_id = p_account_id FOR UPDATE;
    PERFORM 1 FROM metering_ledgertransaction t WHERE t.source = p_source;
    IF FOUND THEN
        RETURN false;
    END IF;
    UPDATE metering_balance b SET available_nano_usd = b.available_nano_usd + p_amount
        WHERE b.account_id = p_account_id;
    PERFORM metering_ledger_post('grant', p_source, '', p_actor, p_reason,
        ARRAY[p_pot, 'credit'], ARRAY[NULL, p_account_id], ARRAY[-p_amount, p_amount]);
    RETURN true;
END $$;
"""

BACKWARD = """
DROP FUNCTION metering_credit_grant(text, bigint, text, text, text, text);
DROP FUNCTION metering_run_settle(text, bigint, bigint, bigint, bigint, boolean, text);
DROP FUNCTION metering_hold_place(text, text, text, text, bigint, bigint);
DROP FUNCTION metering_ledger_post(text, text, text, text, text, text[], text[], bigint[]);
DROP FUNCTION metering_ledger_account(text, text);
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0002_append_only"), ("accounts", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
