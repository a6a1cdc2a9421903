-- What the observatory published, for analysts. How to open it: README.md beside this file.
-- Energies, emissions and costs add up; ratios and intensities are weighted means. Null is unknown.

-- %% Cost and carbon by team and month
-- Money is summed per currency, never across.
select
    coalesce(team, '(unknown)') as team,
    date_trunc('month', started_at_utc) as month_start_utc,
    count(*) as runs,
    sum(facility_energy_kwh) as facility_energy_kwh,
    sum(emissions_location_g_co2e) / 1000 as emissions_location_kg_co2e,
    sum(effective_cost) as effective_cost,
    cost_currency
from fct_runs
where started_at_utc is not null
group by all
order by month_start_utc, emissions_location_kg_co2e desc nulls last;

-- %% How sure the months of a team are
-- The 90 % interval of a total, for any filter: add up sigma within each source of error (its rows
-- are wrong together), then the squares over the sources (they are independent). Never add bounds.
with
    months as (
        select
            run_id,
            coalesce(team, '(unknown)') as team,
            date_trunc('month', started_at_utc) as month_start_utc,
            facility_energy_kwh,
            emissions_location_g_co2e
        from fct_runs
        where started_at_utc is not null  -- any filter of runs goes here
    ),
    sources as (
        select
            team,
            month_start_utc,
            source_key,
            sum(sigma_kwh) as sigma_kwh,
            sum(sigma_g_co2e) as sigma_g_co2e
        from months
        inner join fct_run_uncertainty using (run_id)
        group by all
    ),
    variances as (
        select
            team,
            month_start_utc,
            sum(sigma_kwh * sigma_kwh) as energy_variance,
            sum(sigma_g_co2e * sigma_g_co2e) as emissions_variance
        from sources
        group by all
    ),
    totals as (
        select
            team,
            month_start_utc,
            sum(facility_energy_kwh) as kwh,
            sum(emissions_location_g_co2e) as g_co2e
        from months
        group by all
    ),
    log_sds as (
        select
            *,
            sqrt(ln(1 + energy_variance / nullif(kwh * kwh, 0))) as energy_log_sd,
            sqrt(ln(1 + emissions_variance / nullif(g_co2e * g_co2e, 0))) as emissions_log_sd
        from totals
        inner join variances using (team, month_start_utc)
    )
select
    team,
    month_start_utc,
    kwh as facility_energy_kwh,
    kwh * exp(-1.645 * energy_log_sd) as facility_energy_kwh_p05,
    kwh * exp(1.645 * energy_log_sd) as facility_energy_kwh_p95,
    g_co2e / 1000 as emissions_location_kg_co2e,
    g_co2e / 1000 * exp(-1.645 * emissions_log_sd) as emissions_location_kg_co2e_p05,
    g_co2e / 1000 * exp(1.645 * emissions_log_sd) as emissions_location_kg_co2e_p95
from log_sds
order by month_start_utc, team;

-- %% What makes us unsure
-- Which measurement or factor would make the numbers surer: each source of error, its reach, and
-- whether anybody measured how sure it is.
select
    source_kind,
    source_key,
    any_value(log_sd) as log_sd,
    any_value(log_sd_source) as log_sd_source,
    count(*) as runs,
    sum(sigma_kwh) as sigma_kwh,
    sum(sigma_g_co2e) as sigma_g_co2e,
    pow(sum(sigma_g_co2e), 2) / sum(pow(sum(sigma_g_co2e), 2)) over () as emissions_variance_ratio
from fct_run_uncertainty
group by all
order by emissions_variance_ratio desc nulls last, source_key
limit 20;

-- %% Coverage by source
-- How many runs have energy, emissions and a cost at all: read this before any total.
select
    source,
    count(*) as runs,
    count(facility_energy_kwh) / count(*) as runs_with_energy_ratio,
    count(emissions_location_g_co2e) / count(*) as runs_with_emissions_ratio,
    count(effective_cost) / count(*) as runs_with_cost_ratio
from fct_runs
group by all
order by source;

-- %% Energy method mix
-- How the energy of each component is known, and how much of it hangs on that.
select
    component,
    energy_method,
    count(*) as run_components,
    sum(it_energy_kwh) as it_energy_kwh,
    sum(it_energy_kwh) / nullif(sum(sum(it_energy_kwh)) over (), 0) as share_of_it_energy_ratio
from fct_run_energy_components
group by all
order by it_energy_kwh desc nulls last, component, energy_method;

-- %% Why a value is missing
select
    source, missing_reason, instance_type, region, count(*) as runs, sum(duration_s) / 3600 as hours
from fct_runs
where missing_reason is not null
group by all
order by runs desc, missing_reason, instance_type, region
limit 30;

-- %% Most expensive runs that failed
select
    run_id,
    job_name,
    owner,
    team,
    status,
    attempt,
    duration_s / 3600 as duration_hours,
    facility_energy_kwh,
    emissions_location_g_co2e / 1000 as emissions_location_kg_co2e,
    effective_cost,
    cost_currency
from fct_runs
where status not in ('succeeded', 'running')
order by effective_cost desc nulls last, facility_energy_kwh desc nulls last, run_id
limit 20;

-- %% Wasted energy by job
-- Energy of attempts that did not succeed, and its share of all the job used.
select
    runs.job_name,
    count(*) as attempts,
    count_if(attempts.is_wasted) as wasted_attempts,
    sum(attempts.facility_energy_kwh) filter (where attempts.is_wasted) as wasted_energy_kwh,
    sum(attempts.facility_energy_kwh) filter (where attempts.is_wasted)
    / nullif(sum(attempts.facility_energy_kwh), 0) as wasted_ratio
from fct_run_attempts as attempts
inner join fct_runs as runs using (run_id)
group by all
having wasted_attempts > 0
order by wasted_energy_kwh desc nulls last, runs.job_name
limit 20;

-- %% Intensity by region
-- The energy-weighted mean, with the factor that answered: year, age, source, accounting.
select
    provider,
    region,
    factor_resolution,
    factor_zone,
    factor_year,
    factor_age_years,
    factor_accounting,
    factor_source_id,
    sum(facility_energy_kwh) as facility_energy_kwh,
    sum(emissions_location_g_co2e)
    / nullif(sum(facility_energy_kwh) filter (where emissions_location_g_co2e is not null), 0)
    as grid_intensity_g_per_kwh
from fct_runs
group by all
order by facility_energy_kwh desc nulls last, provider, region;

-- %% Bill against runs
-- The bill by month, and what runs on that provider are known to have cost beside it.
with
    bill as (
        select
            date_trunc('month', usage_date) as month_start,
            provider,
            cost_currency,
            sum(effective_cost) as billed_effective_cost,
            sum(effective_cost) filter (where allocation = 'unallocated') as unallocated_cost
        from fct_billing_daily
        group by all
    ),
    run_costs as (
        select
            date_trunc('month', started_at_utc) as month_start,
            provider,
            cost_currency,
            count(*) as runs,
            sum(effective_cost) as run_effective_cost
        from fct_runs
        where effective_cost is not null
        group by all
    )
select *
from bill
full outer join run_costs using (month_start, provider, cost_currency)
order by month_start, provider, cost_currency;

-- %% Services by energy and cost
select
    provider,
    service_name,
    resource_class,
    sum(effective_cost) as effective_cost,
    cost_currency,
    sum(x_energy_kwh) as energy_kwh,
    sum(x_emissions_location_g_co2e) / 1000 as emissions_location_kg_co2e,
    count(x_energy_kwh) / count(*) as rows_with_energy_ratio
from fct_billing_daily
group by all
order by effective_cost desc nulls last, provider, service_name
limit 30;

-- %% Hours of the day in which energy is used
-- A start that can move is worth moving once the grid factors are hourly.
select
    extract('hour' from hour_start_utc) as hour_utc,
    sum(facility_energy_kwh) as facility_energy_kwh,
    sum(emissions_location_g_co2e) / 1000 as emissions_location_kg_co2e
from fct_run_hours
group by all
order by hour_utc;

-- %% Big machines, little used
-- Runs whose accelerators were known to be under 30 % busy, by the energy they took.
select
    job_name,
    accelerator_model,
    count(*) as runs,
    sum(accelerator_hours) as accelerator_hours,
    sum(accelerator_utilization_ratio * accelerator_hours) / nullif(sum(accelerator_hours), 0)
    as accelerator_utilization_ratio,
    sum(facility_energy_kwh) as facility_energy_kwh
from fct_runs
where accelerator_utilization_ratio < 0.3
group by all
order by facility_energy_kwh desc nulls last, job_name
limit 20;

-- %% Derivation of the largest run
-- The inputs and the arithmetic of each component; `observatory explain` prints the rest.
select
    inputs.run_id,
    inputs.component,
    inputs.energy_method,
    inputs.quantity,
    inputs.quantity_unit,
    inputs.hours,
    inputs.utilization_ratio,
    inputs.power_w_per_unit,
    inputs.arithmetic,
    inputs.it_energy_kwh,
    inputs.power_factor_key,
    inputs.rungs_considered
from fct_run_energy_inputs as inputs
where
    inputs.run_id = (
        select run_id from fct_runs order by facility_energy_kwh desc nulls last, run_id limit 1
    )
order by inputs.it_energy_kwh desc nulls last, inputs.component;

-- %% Manufacture beside use, and what a unit of work emitted
-- Per job: emissions of use and of manufacture, and both per unit of work (ISO/IEC 21031), over the
-- runs that have all of them. The intensity of several runs is their emissions over their units.
select
    runs.job_name,
    intensities.kpi_unit,
    count(*) as runs,
    sum(intensities.functional_units) as functional_units,
    sum(intensities.emissions_location_g_co2e) / 1000 as use_kg_co2e,
    sum(intensities.emissions_embodied_g_co2e) / 1000 as manufacture_kg_co2e,
    sum(intensities.emissions_location_g_co2e + intensities.emissions_embodied_g_co2e)
    / sum(intensities.functional_units) as sci_g_co2e_per_unit
from fct_run_sci as intensities
inner join fct_runs as runs using (run_id)
where intensities.missing_reason is null
group by runs.job_name, intensities.kpi_unit
order by use_kg_co2e + manufacture_kg_co2e desc, runs.job_name;

-- %% Anomalies and why
-- Runs at least three times their job's usual. The ln_ parts add up to ln(ratio).
select
    run_id,
    job_name,
    owner,
    metric,
    value,
    baseline_value,
    ratio,
    main_cause,
    ln_hours,
    ln_devices,
    ln_power,
    ln_intensity,
    ln_price,
    baseline_run_id
from fct_anomalies
where status = 'anomaly'
order by ratio desc, run_id, metric
limit 40;

-- %% Where the bill goes
-- Every part of the bill has a row, so the shares add up to one per period and currency.
with
    parts as (
        select
            billing_period,
            provider,
            allocation,
            count(distinct run_id) as runs,
            sum(effective_cost) as effective_cost,
            cost_currency
        from fct_cost_allocation
        group by all
    )
select
    *,
    effective_cost
    / nullif(sum(effective_cost) over (partition by billing_period, provider, cost_currency), 0)
    as share_of_bill_ratio
from parts
order by billing_period, provider, effective_cost desc, allocation;

-- %% What was landed and refused
select
    source,
    sum(rows_in) as rows_in,
    sum(rows_landed) as rows_landed,
    sum(rows_rejected) as rows_rejected,
    max(day) as last_day
from fct_data_quality
group by all
order by source;

-- %% Months that changed after they were published
-- Of each figure the causes follow each other: `after` is the next one's `before`.
select
    month,
    metric,
    unit,
    to_as_of_utc as published_at_utc,
    cause,
    before,
    after,
    change,
    change / nullif(abs(before), 0) as change_ratio,
    runs
from fct_restatements
order by published_at_utc, month, metric, unit, cause_number;
