-- The rules that say what a bill line pays for: the organisation's own, then the
-- product's. One row per rule.
with
    own_rules as (select * from {{ ref("stg_settings__line_rules") }}),
    product_rules as (select * from {{ ref("billing_line_rules") }}),

    rules as (
        select {{ line_rule_columns("own_rules") }}, 1 as owner_rank
        from own_rules
        union all
        select {{ line_rule_columns("product_rules") }}, 2 as owner_rank
        from product_rules
    ),

    final as (
        select
            case
                when owner_rank = 1 then concat('settings: ', rule_id) else rule_id
            end as rule_id,

            provider_code,
            service_name_like,
            text_like,
            consumed_unit_like,
            charge_category,
            hardware_named,

            resource_class,
            allocation_hint,
            energy_rule,

            row_number() over (order by owner_rank, priority, rule_id) as rule_rank
        from rules
    )

select *
from final
