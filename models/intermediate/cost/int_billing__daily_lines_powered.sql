-- The bill with the IT energy that each kind of line is worth by its quantity, by the
-- rule that its SKU falls under. One row per row of int_billing__daily_lines.
with
    daily_lines as (select * from {{ ref("int_billing__daily_lines") }}),
    classes as (select * from {{ ref("int_billing__sku_classes") }}),
    units as (select * from {{ ref("consumed_units") }}),
    copies as (select * from {{ ref("int_billing__sku_copies") }}),
    machines as (
        select * from {{ ref("int_energy__machine_power") }} where site_name = ''
    ),
    constants as (select * from {{ ref("int_energy__power_constants") }}),

    lines_classified as (
        select
            daily_lines.*,
            classes.rule_id,
            -- A machine with accelerators is an accelerator line, whatever the SKU is
            -- called.
            case
                when
                    classes.energy_rule = 'instance_hours'
                    and machines.accelerator_count > 0
                then 'accelerator'
                else classes.resource_class
            end as resource_class,
            classes.allocation_hint,
            classes.energy_rule,
            machines.hardware_key as instance_type,
            machines.missing_reason as machine_missing_reason,
            machines.machine_w,
            unknown_machines.vcpu_w,
            units.dimension,
            -- What no rule says to be kept twice is kept once.
            coalesce(copies.copies, 1.0) as copies,
            daily_lines.consumed_quantity * units.factor as quantity
        from daily_lines
        left join
            classes
            on coalesce(daily_lines.provider_code, '') = classes.provider_code
            and coalesce(daily_lines.service_name, '') = classes.service_name
            and daily_lines.sku_text = classes.sku_text
            and coalesce(daily_lines.unit_key, '') = classes.unit_key
            and coalesce(daily_lines.charge_category, '') = classes.charge_category
            and coalesce(daily_lines.sku_price_details_json, '')
            = classes.sku_price_details_json
        left join
            machines
            on classes.provider_code = machines.provider_code
            and classes.instance_type = machines.hardware_key
        left join
            machines as unknown_machines
            on daily_lines.provider_code = unknown_machines.provider_code
            and unknown_machines.hardware_key = '*'
        left join units on daily_lines.unit_key = units.unit_key
        left join
            copies
            on coalesce(daily_lines.provider_code, '') = copies.provider_code
            and coalesce(daily_lines.service_name, '') = copies.service_name
            and daily_lines.sku_text = copies.sku_text
    ),

    lines_with_it_energy as (
        select
            lines_classified.*,
            case
                when energy_rule = 'instance_hours' and dimension = 'hours'
                then quantity * machine_w / 1000
                when energy_rule = 'vcpu_hours' and dimension = 'hours'
                then quantity * vcpu_w / 1000
                when energy_rule = 'memory_gib_hours' and dimension = 'gb_hours'
                then quantity / 1.073741824 * constants.memory_w_per_gib / 1000
                when energy_rule = 'storage_ssd' and dimension = 'gb_hours'
                then
                    quantity
                    / 1000
                    * copies
                    * constants.storage_ssd_wh_per_tb_hour
                    / 1000
                when energy_rule = 'storage_hdd' and dimension = 'gb_hours'
                then
                    quantity
                    / 1000
                    * copies
                    * constants.storage_hdd_wh_per_tb_hour
                    / 1000
                when energy_rule = 'network_internet' and dimension = 'gb'
                then quantity * constants.network_internet_kwh_per_gb
                when energy_rule = 'network_inter_region' and dimension = 'gb'
                then quantity * constants.network_inter_region_kwh_per_gb
                when energy_rule = 'network_intra_region' and dimension = 'gb'
                then quantity * constants.network_intra_region_kwh_per_gb
            end as quantity_it_energy_kwh
        from lines_classified
        cross join constants
    )

select *
from lines_with_it_energy
