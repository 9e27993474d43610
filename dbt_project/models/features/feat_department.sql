with series as (

    select * from {{ ref('feat_series') }}

),

products as (

    select * from {{ ref('dim_product') }}

),

levels as (

    select
        series.cutoff_on,
        series.store_id,
        coalesce(products.department, 'unknown') as department,
        {{ feature_ratio('sum(series.units_28)', 'sum(series.open_days_28)') }} as mean_28,
        {{ feature_ratio('sum(series.units_140)', 'sum(series.open_days_140)') }} as mean_140
    from series
    left join products on series.product_id = products.product_id
    group by 1, 2, 3

),

feat_department as (

    select
        ---------- ids
        department,
        store_id,

        ---------- features
        cast(mean_28 as float) as f_department_mean_28,
        cast(mean_28 / nullif(mean_140, 0) as float) as f_department_trend,

        ---------- dates
        cutoff_on
    from levels

)

select * from feat_department
