-- The device that a name of an accelerator means, by accelerator_name_rules, else by
-- its alias; and what the name counts: dies, TensorCores, the chips of a slice of TPUs.
-- One row per name in lower case.
with
    names as (select * from {{ ref("int_energy__accelerator_names") }}),
    rules as (select * from {{ ref("accelerator_name_rules") }}),
    aliases as (select * from {{ ref("accelerator_aliases") }}),

    rules_fitting as (
        select
            names.accelerator_name,
            rules.accelerator_model,
            rules.counted_per_device,
            case
                when rules.number_in_name
                then cast(regexp_extract(names.device_name, '([0-9]+)$', 1) as double)
            end as number_in_name,
            row_number() over (
                partition by names.accelerator_name order by rules.priority
            ) as preference
        from names
        inner join rules on regexp_extract(names.device_name, rules.name_regex, 0) <> ''
    ),

    final as (
        select
            names.*,
            coalesce(
                rules_fitting.accelerator_model, aliases.accelerator_model
            ) as device_model,
            rules_fitting.counted_per_device,
            rules_fitting.number_in_name
        from names
        left join
            rules_fitting
            on names.accelerator_name = rules_fitting.accelerator_name
            and rules_fitting.preference = 1
        left join aliases on {{ alias_key("names.device_name") }} = aliases.alias_key
    )

select *
from final
