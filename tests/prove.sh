#!/bin/sh
# Deletes each enforcing line in turn, in a copy of the tree, and shows that a test fails without it.
# `./justw prove` runs all of them (an hour and more); with a word, those whose name contains it; with `--edits` it only
# looks whether each edit still finds its line, in seconds.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
copy=$root/target/prove
only=${1:-}
edits=
if [ "$only" = --edits ]; then
    edits=yes only=
fi
failed=0
proved=0

rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z | xargs -0 cp --parents -t "$copy"

# Cargo takes a crate in two folders of the same name for one crate. Another setting keeps what is built of
# the copy apart from what is built of the tree, and what is neither is built once.
apart=
for crate in tollgate tollgate-policy tollgate-cli tollgate-tests tollgate-guests; do
    apart="$apart --config profile.dev.package.$crate.codegen-units=17"
done
export CARGO_TARGET_DIR="$root/target" TOLLGATE_GUESTS="${TOLLGATE_GUESTS:-$root/target/guests}"

# prove NAME FILE SED TEST [PACKAGE]: with SED applied to FILE, TEST must fail.
prove() {
    name=$1 file=$2 edit=$3 test=$4 package=${5:-tollgate-tests}
    # Of that package, only the tests that are named here: the attack table is a program of its own.
    targets=
    [ "$package" = tollgate-tests ] && targets='--test all'
    case $name in *"$only"*) ;; *) return 0 ;; esac
    cp "$root/$file" "$copy/$file"
    sed -i "$edit" "$copy/$file"
    if cmp -s "$root/$file" "$copy/$file"; then
        printf 'STALE     %-22s the edit no longer matches %s\n' "$name" "$file"
        failed=$((failed + 1))
        return
    fi
    if [ -n "$edits" ]; then
        cp "$root/$file" "$copy/$file"
        return
    fi
    if ! (cd "$copy" && cargo $apart test --quiet --package "$package" $targets --no-run) >"$copy/log" 2>&1; then
        printf 'BROKEN    %-22s does not compile without it\n' "$name"
        failed=$((failed + 1))
    elif (cd "$copy" && timeout 300 cargo $apart test --quiet --package "$package" $targets "$test") >"$copy/log" 2>&1; then
        printf 'UNPROVED  %-22s %s passes without it\n' "$name" "$test"
        failed=$((failed + 1))
    else
        printf 'proved    %-22s %s\n' "$name" "$test"
        proved=$((proved + 1))
    fi
    cp "$root/$file" "$copy/$file"
}

rt=host/runtime/src
prove fuel             $rt/session.rs 's/\.set_fuel(limits\.fuel)/.set_fuel(u64::MAX >> 2)/' budget::an_endless_loop_runs_out_of_fuel
prove yield            $rt/session.rs 's/Some(YIELD_INTERVAL)/None/' budget::an_endless_loop_meets_its_deadline
prove deadline-late    $rt/call.rs 's/Ok(_) if now >= deadline =>/Ok(_) if false \&\& now >= deadline =>/' cancel::a_late_result_is_no_result
prove deadline-timer   $rt/call.rs 's/timer\.as_mut()\.poll(cx)\.map(|()| Ended::Late)/{ let _ = timer; Poll::Pending }/' cancel::a_deadline_reaches_into_host_calls
prove deadline-return  $rt/meter.rs 's/if now > meter\.deadline/if false \&\& now > meter.deadline/' cancel::a_host_function_that_blocks_ends_a_late_call
prove memory           $rt/meter.rs 's/\.grow(current, desired, self\.limits\.memory)/.grow(current, desired, u64::MAX)/' memory::
prove table            $rt/meter.rs 's/self\.limits\.table_elements)/u64::MAX)/' memory::
prove memory-fault     $rt/fault.rs 's/_ if meter\.memory_denied()/_ if false \&\& meter.memory_denied()/' memory::a_trap_after_a_denied_growth_is_a_memory_fault
prove instances        $rt/meter.rs '/fn instances/,/}/s/self\.limits\.instances as usize/usize::MAX/' floods::thousands_of_instances_memories_or_tables_are_stopped
prove tables           $rt/meter.rs '/fn tables/,/}/s/self\.limits\.instances as usize/usize::MAX/' floods::many_memories_or_tables_in_one_module_are_stopped
prove memories         $rt/meter.rs '/fn memories/,/}/s/self\.limits\.instances as usize/usize::MAX/' floods::many_memories_or_tables_in_one_module_are_stopped
prove stack            $rt/engine.rs 's/config\.max_wasm_stack(stack)/config.max_wasm_stack(stack.max(512 << 10))/' budget::
prove host-calls       $rt/meter.rs 's/self\.host_calls > self\.limits\.host_calls/false/' budget::host_calls_are_counted
prove host-calls-wasi  $rt/meter.rs 's/meter\.host_calls > meter\.limits\.host_calls/false/' wasi::the_limits_hold_for_wasi_guests
prove host-calls-room  $rt/meter.rs 's/making_room = meter\.phase == Phase::Host/making_room = false/' budget::host_calls_whose_results
prove host-data        $rt/meter.rs 's/store\.data()\.meter\.limits\.host_data)?/u32::MAX)?/' budget::data_in_one_host_call_is_bounded
prove output           $rt/meter.rs 's/limits\.host_data\.min(limits\.output)/limits.host_data/' budget::output_is_bounded
prove log              $rt/state.rs 's/self\.bytes\.saturating_add(size) > cap/false \&\& cap > size/' budget::log_floods_are_cut_and_counted
prove stdio            $rt/imports/wasi/stdio.rs 's/captured\.cap = cap/captured.cap = cap.max(1 << 30)/' wasi::output_over_the_limit_is_dropped_and_counted
prove handles-host     $rt/session.rs 's/table\.set_max_capacity(limits\.handles as usize);//' floods::host_handles_are_counted
prove handles-guest    $rt/session.rs 's/store\.set_max_component_handles(limits\.handles as usize);//' floods::guest_handles_are_counted
prove component-size   $rt/source.rs 's/size as u64 > limits\.component_size/false \&\& size as u64 > limits.component_size/' load::a_file_over_the_limit_is_not_even_read
prove admission-queue  $rt/admission.rs 's/(before < most as usize)\.then_some(this)/Some(this)/' admission::calls_over_the_queue_are_turned_away_and_the_rest_served
prove admission-heavy  $rt/admission.rs 's/weight\.clamp(1, (self\.concurrency \/ 4)\.max(1))/weight.clamp(1, self.concurrency)/' admission::a_heavy_guest_is_let_in_beside_others
prove admission-time   $rt/admission.rs 's/timeout_at(deadline\.into(), permit)/timeout(std::time::Duration::from_secs(9), permit)/' admission::a_call_waits_no_longer_than_its_deadline
prove admission-maps   $rt/admission.rs 's/asked\.clamp(1, most)/asked.max(1).min(20_000)/' admission::a_runtime_has_no_more_places_than_the_kernel_has_maps
prove compile-time     $rt/compile.rs 's/left\.is_zero() ||/false ||/' compile::a_worker_over_its_time_is_ended
prove compile-memory   $rt/compile_worker.rs 's/limit(Resource::As, memory)?;/let _ = memory;/' compile::a_worker_over_its_memory_is_ended
prove compile-given-up $rt/compile.rs 's/|| cancelled\.load(Ordering::Relaxed)/|| false \&\& cancelled.load(Ordering::Relaxed)/' compile::a_load_that_is_given_up_ends_its_worker
prove compile-orphan   $rt/compile_worker.rs 's/rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;/{}/' compile::a_worker_does_not_outlive_its_host
prove compile-inside   $rt/runtime.rs 's/if !self\.shared\.foundry\.compiler\.keeps/if false \&\& !self.shared.foundry.compiler.keeps/' compile::limits_of_compiling_need_a_worker
prove compile-checked  $rt/compile_worker.rs 's/if blake3::hash(body)\.as_bytes() != digest/if false \&\& blake3::hash(body).as_bytes() != digest/' compile::a_program_that_is_no_worker_is_a_host_error
prove nesting          $rt/scan.rs 's/self\.shape\.nesting\.check(depth, Place::Whole)/{ let _ = depth; Ok(()) }/' load::deep_nesting_is_refused_by_the_scan
prove shape            $rt/scan/shape.rs 's/if count <= self\.most/if true || count <= self.most/' shape::variants_of_many_cases
prove shape-each       $rt/scan/shape.rs 's/if count <= self\.most/if true || count <= self.most/' scan::tests::each_limit_is_the_one_that_refuses tollgate
prove shape-functions  $rt/scan/shape.rs 's/limit(60_000, "has", "functions")/limit(u64::MAX, "has", "functions")/' shape::a_flood_of_tiny_functions
prove shape-types      $rt/scan/types.rs 's/shape\.type_nesting\.check(.*)?;//' shape::types_nested_deep
prove shape-module-types $rt/scan/types.rs 's/shape\.types\.add(&mut totals\.types, count, Place::Whole)?;//' what_module_types_declare_is_counted tollgate
prove shape-passed     $rt/scan/expansion.rs 's/let Some(size) = self\.component(index) else/let Some(size) = self.component(index).or(Some(Size::default())) else/' components_that_are_passed_are_not_instantiated tollgate
prove shape-inside     $rt/scan/expansion.rs 's/self\.inside\.instances = .*;//' components_that_are_passed_are_not_instantiated tollgate
prove shape-alive      $rt/scan/function.rs 's/shape\.body_by_live\.check(product, here)?;//' scan::tests::each_limit_is_the_one_that_refuses tollgate
prove toll-call        $rt/meter.rs 's/\.saturating_add(fixed)/.saturating_add(fixed.min(0))/' budget::host_calls_cost_fuel
prove toll-bytes       $rt/meter.rs 's/bytes\.saturating_mul(price)/bytes.saturating_mul(price).min(0)/' budget::hashing_costs_fuel_by_the_byte
prove toll-settled     $rt/meter.rs 's/store\.set_fuel(left)$/{ let _ = left; Ok(()) }/' budget::host_calls_cost_fuel
prove toll-in-advance  $rt/meter.rs 's/self\.toll > self\.purse/false/' files::writes_are_whole_and_leave_no_litter
prove fair-share       $rt/state.rs 's/if self\.meter\.turn_is_over()/if false \&\& self.meter.turn_is_over()/' cancel::a_guest_that_lives_on_host_calls_shares_its_thread
prove fuel-in-register $rt/meter.rs 's/if meter\.host_phase != Phase::Host/if false/' numbers::
prove verdict          $rt/runtime.rs 's/if let Some(refusal) = verdict\.refusal()/if let (false, Some(refusal)) = (true, verdict.refusal())/' load::
prove link             $rt/imports/mod.rs 's/if grants\.log {/if true {/' what_is_not_granted_is_not_linked tollgate
prove versions         $rt/verdict.rs 's/&& !have.iter().any(|have| serves(have, version))/\&\& version == Some("none")/' load::other_versions_are_refused_naming_all
prove send-method      $rt/imports/http.rs 's/outgoing\.admit(sent\.method\.as_str()/outgoing.admit("GET"/' http_send::
prove send-max-body    $rt/imports/http.rs 's/if sent\.body\.len() as u64 > cap/if false \&\& sent.body.len() as u64 > cap/' http_send::
prove send-get-body    $rt/imports/http.rs 's/if !message\.body\.is_empty() \&\&/if false \&\& !message.body.is_empty() \&\&/' http_send::a_get_has_no_body
prove send-redirect    $rt/imports/http.rs 's/message\.redirect(reply/if false { message.redirect(reply/; s/response\.status());$/response.status()); }/' http_send::a_redirect_repeats
prove send-toll        $rt/imports/http.rs 's/(request\.url\.len() + request\.body\.len())/request.url.len()/' http_send::a_body_is_paid_for
prove optional-version $rt/provider.rs 's/return Ok(None);/return Ok(None);/; s/== wanted {/== wanted || true {/' hooks::
prove published        wit/provider/config.wit 's/func(key: string)/func(name: string)/' worlds::what_is_published
prove grant-older      $rt/imports/v0_1.rs 's/new::log::Level::Warn,/new::log::Level::Info,/' worlds::one_component
prove profile-refuses  $rt/profile.rs 's/self\.counts_fuel() || limits/true || limits/' profile::a_budget_of_fuel_is_refused
prove profile-tick     $rt/ticker.rs 's/engine\.increment_epoch();/let _ = \&engine;/' profile::a_loop_shares
prove profile-ends     $rt/ticker.rs 's/self\.state\.over\.store(true, Ordering::SeqCst);//; s/drop(thread\.join());/drop(thread);/' profile::the_clock_ends
prove files-decision   $rt/imports/files.rs 's/decide::files(&self\.reach\.grants, root, path, access)/decide::files(\&self.reach.grants, root, path, Access::Read)/' files::a_read_only_root_stays_as_it_is
prove files-regular    $rt/imports/files.rs 's/if metadata\.is_file() {/if true || metadata.is_file() {/' files::only_regular_files_are_read_or_replaced
prove files-outside    $rt/imports/files.rs 's/error\.raw_os_error()\.is_none()/false/' files::symbolic_links_never_leave_the_root
prove files-read-cap   $rt/imports/files.rs 's/metadata\.len() > cap/false/' files::a_read_is_no_larger_than_host_data_allows
prove http-grant       $rt/outgoing.rs 's/egress::http(&self\.reach\.grants, method, target)?/egress::http(\&self.reach.grants, method, target).unwrap_or(0)/' http::what_is_not_granted_is_not_even_looked_up
prove http-address     $rt/egress.rs 's/egress::address(\*address, grant\.private)?;/let _ = egress::address(*address, grant.private);/' http::private_addresses_are_denied_unless_the_grant_says_so
prove http-redirects   $rt/imports/http.rs 's/0\.\.=MAX_REDIRECTS/0..=MAX_REDIRECTS * 3/' http::every_redirect_is_decided_anew
prove http-requests    $rt/outgoing.rs 's/used\.requests > grant\.max_requests/false/' http::requests_are_counted_for_each_grant
prove http-connections $rt/outgoing.rs 's/> grant\.max_connections as usize/> usize::MAX/' wasi_http::requests_and_open_connections_are_counted_for_each_grant
prove http-body        $rt/imports/http.rs 's/(bytes\.len() + data\.len()) as u64 > cap/false/' http::bodies_over_the_cap_are_cut_off
prove http-length      $rt/imports/http.rs 's/if name == header::CONTENT_LENGTH/if false \&\& name == header::CONTENT_LENGTH/' http::odd_urls_and_headers_are_refused_before_anything_is_sent
prove http-headers     $rt/outgoing.rs 's/decision\.map_err(|reason| Refused::Header(name\.as_str(), reason))?;/let _ = (decision, Refused::Header("", Reason::Header));/' http::odd_urls_and_headers_are_refused_before_anything_is_sent
prove http-reserved    host/policy/src/egress.rs 's/if is_reserved(name) ||/if/' http::odd_urls_and_headers_are_refused_before_anything_is_sent
prove http-header-which $rt/outgoing.rs 's/Refused::Header(name\.as_str(), reason)/{ let _ = name; Refused::Request(reason) }/' http::odd_urls_and_headers_are_refused_before_anything_is_sent
prove http-paid        $rt/imports/http.rs 's/\*received += data\.len() as u64;//' http::bodies_over_the_cap_are_cut_off
prove http-paid-heads  $rt/imports/http.rs 's/\*received += size_of_head(reply\.response\.headers());//' http::more_redirects_than_are_followed
prove http-leaves      $rt/imports/http.rs 's/if !target\.same_origin(&first) {/if false {/' http_send::what_stays_with_its_origin
prove http-look-ups    $rt/egress.rs 's/drop(place);//; s/let place = place\.map_err(io::Error::other)?;/drop(place.map_err(io::Error::other)?);/' look_ups_that_nobody_waits_for tollgate
prove http-own-header  host/policy/src/egress.rs 's/|| credentials\.any(/|| false \&\& credentials.any(/' credentials::a_credential_reaches_the_server_and_nobody_else
prove http-listed      host/policy/src/egress.rs 's/Some(listed) if !listed/Some(listed) if false \&\& !listed/' wasi_http::a_grant_says_which_headers_may_be_set
prove http-origin      $rt/imports/http.rs 's/if target\.same_origin(first)$/if true/' credentials::a_credential_stays_with_its_origin
prove http-echo        $rt/imports/http.rs 's/is_some_and(|secret| secret\.is_in(&body))/is_some_and(|secret| false \&\& secret.is_in(\&body))/' credentials::a_credential_reaches_the_server_and_nobody_else
prove http-location    $rt/imports/http.rs 's/secret\.is_among(reply\.response\.headers())/false \&\& secret.is_among(reply.response.headers())/' credentials::a_redirect_does_not_carry_the_credential_away
prove wasi-http-counted $rt/state.rs '/WasiHttpView for/,/^}/s/self\.meter\.count_wasi();//' wasi_http::its_functions_are_host_calls
prove wasi-http-headers $rt/imports/wasi/http.rs 's/is_reserved(name\.as_str()) &&/false \&\& is_reserved(name.as_str()) \&\&/' wasi_http::reserved_headers_are_forbidden
prove wasi-http-fields $rt/imports/wasi/http.rs 's/context\.set_field_size_limit(FIELDS);//; s/let mut context/let context/' wasi_bodies::floods_are_stopped_and_leave_nothing
prove wasi-http-piece  $rt/imports/wasi/http.rs '/fn p2_outgoing_body_chunk_size/,/}/s/PIECE/PIECE * 64/' wasi_bodies::floods_are_stopped_and_leave_nothing
prove wasi-http-said   $rt/imports/wasi/http.rs 's/is_some_and(|length| length > cap)/is_some_and(|length| false \&\& length > cap)/' wasi_bodies::requests_have_bodies_up_to_the_cap
prove wasi-http-upload $rt/imports/wasi/http.rs 's/checked_sub(length as u64)/checked_sub(length as u64 \& 0)/' wasi_bodies::requests_have_bodies_up_to_the_cap
prove wasi-http-told   $rt/imports/wasi/http.rs 's/self\.pass\.refuse(self\.target\.as_str(), Reason::Quota);$/{}/' wasi_bodies::requests_have_bodies_up_to_the_cap
prove wasi-http-length $rt/imports/wasi/http.rs 's/download\.incoming\.size_hint()\.lower() > cap/false \&\& download.incoming.size_hint().lower() > cap/' wasi_bodies::responses_over_the_cap_are_cut_off
prove wasi-http-body   $rt/imports/wasi/http.rs 's/checked_sub(data\.len() as u64)/checked_sub(data.len() as u64 \& 0)/' wasi_bodies::responses_over_the_cap_are_cut_off
prove wasi-http-echo   $rt/secrets.rs 's/if secret\.is_in(&bytes)/if false \&\& secret.is_in(\&bytes)/' wasi_http::a_credential_reaches_the_server_and_nobody_else
prove wasi-http-echoes $rt/imports/wasi/http.rs 's/secret\.is_among(&head\.headers)/false \&\& secret.is_among(\&head.headers)/' wasi_http::a_credential_reaches_the_server_and_nobody_else
prove wasi-http-trails $rt/imports/wasi/http.rs 's/is_some_and(among)/is_some_and(|t| false \&\& among(t))/' wasi_http::a_credential_reaches_the_server_and_nobody_else
prove wasi-http-wait   $rt/imports/wasi/http.rs 's/within(options\.connect_timeout,/within(None,/' wasi_bodies::a_guest_need_not_wait
prove wasi-http-first  $rt/imports/wasi/http.rs 's/within(options\.first_byte_timeout,/within(None,/' wasi_bodies::a_guest_need_not_wait
prove wasi-http-pause  $rt/imports/wasi/http.rs 's/patience: options\.between_bytes_timeout/patience: None/' wasi_bodies::a_guest_need_not_wait
prove wasi-http-sweep  $rt/blocking.rs 's/if alive == 0 || alive >= before/if alive == 0 || before < usize::MAX/' wasi_bodies::floods_are_stopped_and_leave_nothing
prove files-range-cap  $rt/imports/files.rs 's/u64::from(length) > self\.meter\.limits\.host_data/false/' files::a_read_is_no_larger_than_host_data_allows
prove files-max-write   host/policy/src/decide.rs 's/used\.bytes <= grant\.max_write/true/' quotas::bytes_written_are_bounded_by_max_write
prove files-max-files   host/policy/src/decide.rs 's/used\.files <= grant\.max_files/true/' quotas::files_written_are_bounded_by_max_files
prove files-max-read    host/policy/src/decide.rs 's/grant\.max_read\.unwrap_or(host_data)/grant.max_read.map_or(host_data, |_| host_data)/' quotas::a_single_read_is_bounded_by_max_read
prove files-per-call    $rt/session.rs 's/state\.ledger\.begin_call();//' quotas::quotas_start_anew_with_each_call
prove files-atomic      $rt/imports/files.rs 's/let (temporary, mut file) = temporary(dir, path)?;/let (temporary, mut file) = (path.to_owned(), dir.create(path)?);/' quotas::a_killed_host_leaves_the_old_file_or_the_new_one
prove wasi-decision     $rt/imports/wasi/handles.rs 's/self\.reach(&folder\.root, &path, access, asks, act)/self.reach(\&folder.root, \&path, Access::Read.min(access), asks, act)/' wasi_files::a_read_only_preopen_stays_as_it_is
prove wasi-regular      $rt/imports/wasi/opened.rs 's/regular(&found)?;//' wasi_files::only_regular_files_are_opened_through_a_preopen
prove wasi-links        $rt/imports/wasi/descriptors.rs 's/if dir\.symlink_metadata(path)?\.is_symlink()/if false/' wasi_files::paths_and_links_never_leave_a_preopen
prove wasi-stream-quota $rt/imports/wasi/streams.rs 's/if let Err(reason) = paid/if let (Err(reason), true) = (paid, false)/' wasi_files::quotas_hold_for_preopens
prove wasi-sparse       $rt/imports/ledger.rs 's/bytes\.saturating_add(offset\.saturating_sub(length))/bytes.saturating_add(0 * (offset ^ length))/' wasi_files::quotas_hold_for_preopens
prove wasi-cut-quota    $rt/imports/wasi/opened.rs 's/match size < length {/match false \&\& size < length {/' wasi_files::quotas_hold_for_preopens
prove wasi-create-quota $rt/imports/wasi/opened.rs 's/quota(one)\.map_err(Trouble::Denied)?;//' wasi_files::quotas_hold_for_preopens
prove wasi-preopens     $rt/imports/wasi/handles.rs 's/grant\.root == \*root) else/true || grant.root == *root) else/' wasi_files::preopens_are_the_roots_that_are_named
prove wasi-wall-clock   $rt/imports/wasi.rs 's/builder\.wall_clock(Standing(seconds));/let _ = Standing(seconds);/' wasi_table::
prove wasi-ticks        $rt/imports/wasi.rs 's/builder\.monotonic_clock(ticks\.clone());/let _ = ticks;/' wasi_table::
prove wasi-naps         $rt/imports/wasi/clocks.rs 's/match self\.wasi\.ticks\.clone() {/match self.wasi.ticks.clone().filter(|_| false) {/' wasi_table::clocks_are_real_or_stand
prove wasi-file-times   $rt/imports/wasi/opened.rs 's/filter(|_| times)/filter(|_| times || true)/' wasi_table::a_call_can_be_repeated_to_the_last_unit_of_fuel
prove wasi-seed         $rt/imports/wasi.rs 's/\.insecure_random_seed(Seeded::new(seed, "seed")\.number());/;/' wasi_table::
prove wasi-env          $rt/imports/wasi.rs 's/grant\.env_from_host\.iter()\.filter_map(|name| {/std::env::vars().map(|(name, _)| name).filter_map(|ref name: String| {/' wasi_table::
prove wasi-inherit      $rt/runtime.rs 's/\&\& !self\.shared\.inherit_stdio/\&\& false/' wasi_table::the_hosts_output_is_for_programs_that_give_it_away
prove wasi-one-writer  $rt/imports/wasi/pipe.rs 's/^            !std::mem::replace(&mut waiting\.writing, true)$/            !std::mem::replace(\&mut waiting.writing, true) || true/' wasi_table::a_full_pipe_holds_up_one_thread
prove wasi-writer-gone $rt/imports/wasi/pipe.rs 's/if !self\.done {/if false \&\& !self.done {/' pipe::tests tollgate
prove wasi-asked       $rt/imports/wasi/stdio.rs 's/is_some() && !permitted/is_some() \&\& !permitted \&\& false/' wasi_table::who_does_not_ask
prove store-names      $rt/imports/store.rs 's/decision\.map_err(|reason| self\.refuse_store(target, reason))/{ let _ = (decision, target); Ok(()) }/' store::keys_and_buckets_have_a_length
prove store-quota      $rt/imports/store.rs 's/decide::store(&reach.grants, StoreRequest::Change(before, after))/{ let _ = (\&reach, before, after); Ok(()) }/' store::quotas_hold
prove store-max-keys   host/policy/src/decide.rs 's/within(before\.keys, after\.keys, grant\.max_keys)?;//' store::quotas_hold
prove store-max-value  host/policy/src/decide.rs 's/within(0, value, grant\.max_value)/within(0, value.min(0), grant.max_value)/' store::quotas_hold
prove store-max-total  host/policy/src/decide.rs 's/within(before\.bytes, after\.bytes, grant\.max_total)/within(before.bytes, after.bytes.min(0), grant.max_total)/' store::quotas_hold
prove store-namespace  $rt/database.rs 's/for name in \[namespace, bucket\]/for name in [namespace.get(..0).unwrap_or(""), bucket]/' store::providers_never_see_each_other
prove store-handles    $rt/imports/store.rs 's/Stop::Handles\.into()/Stop::Fuel.into()/' store::buckets_are_handles
prove store-toll-set   $rt/imports/store.rs 's/charge(key\.len() as u64 + sent, MOVE_PRICE)/charge(key.len() as u64, MOVE_PRICE)/' store::the_store_is_paid_for_by_the_byte
prove store-toll-get   $rt/imports/store.rs 's/self\.meter\.charge_more(value\.len() as u64, MOVE_PRICE)?;//' store::the_store_is_paid_for_by_the_byte
prove store-toll-list  $rt/imports/store.rs 's/self\.meter\.charge_more(listed\.cost, MOVE_PRICE)?;//' store::the_store_is_paid_for_by_the_byte
prove store-read       $rt/imports/store.rs 's/self\.charge_store(&READ)?;//' store::the_store_is_paid_for_by_the_byte
prove store-commit     $rt/imports/store.rs 's/self\.charge_store(&COMMIT)?;//' store::the_store_is_paid_for_in_advance
prove store-get-cap    $rt/imports/store.rs 's/let most = self\.meter\.limits\.host_data;/let most = u64::MAX;/' store::an_answer_is_no_larger_than_host_data_allows
prove store-list-cap   $rt/database.rs 's/bytes > bounds\.bytes/false/' store::an_answer_is_no_larger_than_host_data_allows
prove store-list-cost  $rt/database.rs 's/cost > bounds\.cost/false/' store::the_store_is_paid_for_in_advance
prove store-regular    $rt/stores.rs 's/Ok(found) if !found\.is_file()/Ok(found) if false \&\& !found.is_file()/' store_file::what_is_no_store_is_not_opened
prove store-mode       $rt/stores.rs 's/options\.mode(0o600)/options.mode(0o644)/' store_file::a_file_outlives_its_runtime
prove drafts           $rt/verdict.rs 's/return want == have;/return true;/' standard::other_drafts_are_refused
prove link-store       $rt/imports/mod.rs 's/if grants\.store\.is_some() {/if true {/' what_is_not_granted_is_not_linked tollgate
prove session-ends     $rt/session.rs 's/if report\.outcome\.fault()\.is_none()/if true/' sessions::a_fault_ends_a_session
prove panic-caught     $rt/session.rs 's/return Err(HostError::new(text)\.into());/{ drop(text); std::panic::resume_unwind(panic) }/' cancel::a_panic_in_a_host_function_is_a_host_error
prove pools            $rt/engine.rs 's/(now < most)/(true || now < most)/' there_are_no_more_pools_than_there_are_maps_for tollgate
prove pools-places     $rt/provider.rs 's/let (runtime, exports, reach) = (runtime.clone(),/let (runtime, exports, reach) = (Runtime::builder().concurrency(1).build(),/' engines::
prove pools-limits     $rt/provider.rs 's/limits: Arc::new(Limits::clone(&self.limits)),//' engines::
prove slots            $rt/admission.rs 's/\.try_acquire_many_owned(weight)/.try_acquire_many_owned(0 * weight)/' admission::
prove audit-log        $rt/audit.rs 's/target: "tollgate::audit"/target: "tollgate"/' audit::
prove audit-escape     $rt/audit.rs 's/target = %escape::line(target)/target = %target/' audit::hostile_text_is_escaped_in_every_field
prove audit-requests   $rt/outgoing.rs 's/self\.audit\.allowed(NAME, target\.as_str());/let _ = target;/' audit::requests_are_audited
prove audit-names      $rt/imports/wasi.rs 's/for (name, _) in &setup\.env {/for (_, name) in \&setup.env {/' audit::what_wasi_is_given_is_audited_by_name
prove trust-first      $rt/source.rs '/pub fn vet/,/^    }/{s/        let signer = self\.signer(&policy\.trust)?;//; s/        let inspection = self\.inspect()?;/        let inspection = self.inspect()?; let signer = self.signer(\&policy.trust)?;/}' trust::nothing_is_parsed_before_it_is_verified
prove trust-key        $rt/signature.rs 's/\.filter(|key| key\.id() == id)/.filter(|_| true)/' trust::each_bad_signature_has_its_reason
prove trust-legacy     $rt/signature.rs 's/if signature\.legacy {/if false \&\& signature.legacy {/' trust::each_bad_signature_has_its_reason
prove trust-bytes      $rt/signature.rs 's/any(|(bytes, _)| \*bytes)/any(|_| true)/; s/contains(&(true, true))/iter().any(|(_, seal)| *seal)/' trust::every_flipped_bit_is_noticed_and_a_second_opinion_agrees
prove trust-comment    $rt/signature.rs 's/contains(&(true, true))/iter().any(|(bytes, _)| *bytes)/' trust::every_flipped_bit_is_noticed_and_a_second_opinion_agrees
prove trust-name       host/policy/src/signature.rs 's/!self\.file()\.is_some_and(is_name)/false \&\& !self.file().is_some_and(is_name)/' trust::a_signature_is_for_one_name
prove trust-exact-name $rt/source.rs 's/FileName::Exact(file) => name == &\*\*file/FileName::Exact(file) => stem(name) == stem(file)/' trust::a_signature_is_for_one_name
prove trust-digest     host/policy/src/signature.rs 's/all(|said| said == digest)/all(|said| said == digest || true)/' trust::each_bad_signature_has_its_reason
prove trust-require    host/policy/src/trust.rs 's/self\.require || !self\.keys\.is_empty()/!self.keys.is_empty()/' trust::a_signature_is_required_without_keys_as_well
prove trust-size       $rt/source.rs 's/file\.take(MAX_SIGNATURE as u64 + 1)/file.take(u64::MAX)/; s/bytes\.len() > MAX_SIGNATURE/false/' trust::what_is_no_file_is_no_signature
prove trust-fifo       $rt/source.rs 's/if !std::fs::metadata(path)?\.is_file()/if false/; s/Ok(file\.metadata()?\.is_file()\.then_some(file))/Ok(Some(file))/' trust::what_is_no_file_is_no_signature
prove trust-weak-key   host/policy/src/trust.rs 's/if key\.is_weak()/if false \&\& key.is_weak()/' keys_under_which_anybody_can_sign_are_refused tollgate-policy
prove trust-waived     host/policy/src/file_trust.rs 's/if !trust\.keys\.is_empty()/if false/' mistakes_are_told_with_their_place_and_a_cure tollgate-policy
prove trust-flag       host/cli/src/options.rs 's/policy\.trust\.require |= self\.require_signature;//' cli_trust::every_command_asks_who_signed
prove lock-other       $rt/signature.rs 's/Pin::Same => return Ok(())/Pin::Same | Pin::Other(_) => return Ok(())/; s/        Pin::Other(pinned) => format/        #[allow(unreachable_patterns)] Pin::Other(pinned) => format/' trust::what_is_pinned_stays_as_it_is
prove lock-complete    $rt/signature.rs 's/Pin::None if !lock\.complete/Pin::None if true/' trust::what_is_pinned_stays_as_it_is
prove lock-turns       host/cli/src/lock.rs 's/turn\.lock()\.map_err(failed)?;//' cli_lock::pins_of_many_processes_are_all_kept
prove keygen-mode      host/cli/src/keygen.rs 's/options\.mode(mode);/let _ = mode;/' cli_trust::keys_are_made_once_and_kept_secret
prove escape           $rt/escape.rs 's/    c\.is_control()$/    false/' text::

cache=$rt/cache/entry.rs folder=$rt/cache/folder.rs
prove cache-seal       $cache 's/if seal\.finalize() != head\.seal/if false \&\& seal.finalize() != head.seal/' cache::planted_code_is_never_executed
prove cache-bits       $cache 's/if seal\.finalize() != head\.seal/if false \&\& seal.finalize() != head.seal/' cache::an_entry_that_was_changed
prove cache-component  $cache 's/if head\.label\.component != label\.component/if false/' cache::planted_code_is_never_executed
prove cache-engine     $cache 's/if head\.label\.engine != label\.engine/if false/' cache::planted_code_is_never_executed
prove cache-format     $cache 's/if magic != MAGIC || .* {/if magic != MAGIC {/' cache::planted_code_is_never_executed
prove cache-length     $cache 's/    head\.fits(size)?;//' cache::an_entry_that_was_cut_is_not_executed
prove cache-most       $cache 's/if size > most/if false \&\& size > most/' cache::an_entry_that_was_cut_is_not_executed
prove cache-identity    $rt/cache/identity.rs 's/    engine\.precompile_compatibility_hash()\.hash(&mut feed);/    let _ = engine;/' cache::identity tollgate
prove cache-key        $folder '/fn make_key(/,/^    }/s/getrandom::fill(&mut key)\.map_err(io::Error::other)?;//; /fn make_key(/,/^    }/s/let mut key = \[0; blake3::KEY_LEN\];/let key = [0; blake3::KEY_LEN];/' cache::
prove cache-regular    $folder '/fn entry(/,/^    }/s/!is_regular(&stat)/false/' cache_files::what_is_no_regular_file_is_no_entry
prove cache-owner      $folder '/fn entry(/,/^    }/s/stat\.st_uid != self\.user/false/' cache_files::what_is_no_regular_file_is_no_entry
prove cache-link       $folder '/fn open_file(/,/^    }/s/OFlags::NOFOLLOW | //' cache_files::what_is_no_regular_file_is_no_entry
prove cache-pipe       $folder '/fn open_file(/,/^    }/s/OFlags::NONBLOCK | //' cache_files::what_is_no_regular_file_is_no_entry
prove cache-dir-owner  $folder 's/if found\.st_uid != user/if false/' cache_files::a_folder_of_another_user_is_none
prove cache-dir-mode   $folder 's/if !is_private(&found)/if false/' cache_files::a_folder_that_is_open_to_others_is_none
prove cache-dir-link   $folder 's/OFlags::DIRECTORY | OFlags::NOFOLLOW/OFlags::DIRECTORY/' cache_files::a_link_to_a_folder_is_none
prove cache-dir-slash  $folder 's/path\.components()\.collect();/path.to_owned();/' cache_files::a_link_to_a_folder_is_none
prove cache-key-mode   $folder '/fn key(/,/^    }/s/!is_private(&stat)/false/' cache_files::a_key_that_others_may_know_is_none
prove cache-key-owner  $folder '/fn key(/,/^    }/s/stat\.st_uid != self\.user/false/' cache_files::a_key_that_others_may_know_is_none
prove cache-key-length $folder 's/stat\.st_size != key\.len() as i64 || //' cache_files::a_key_that_others_may_know_is_none
prove cache-files-mode $folder 's/Mode::RUSR\.union(Mode::WUSR)/Mode::RUSR.union(Mode::WUSR).union(Mode::ROTH)/' cache_files::all_that_is_made_is_the_owners_alone
prove cache-size       $rt/cache/evict.rs 's/if total <= most {/if true || total <= most {/' cache_size::what_was_not_used_for_longest_goes_first
prove cache-too-large  $rt/cache.rs 's/if size > \*max_size {/if false \&\& size > *max_size {/' cache_size::what_was_not_used_for_longest_goes_first
prove cache-lru        $rt/cache.rs 's/        file\.touch();//' cache_size::what_was_not_used_for_longest_goes_first
prove cache-sweep      $rt/cache/evict.rs 's/age > ABANDONED/age > ABANDONED * 99/' cache_size::what_killed_writers_left_is_swept
prove cache-audit      $rt/code.rs 's/                Cache::distrusted(source\.name(), digest, why);//' cache::planted_code_is_never_executed

watch=$rt/watch/compare.rs
prove watch-kept       $watch 's/            Err(error) => error,$/            Err(error) => { known.serving = None; error }/' watch::a_bad_file_leaves_the_old_one_serving
prove watch-same       $watch 's/&& source\.is_same(&serving\.source)/\&\& false/' watch::what_is_touched_or_written_again
prove watch-no-policy  $watch 's/None => return Err(ReloadError::NoPolicy { path: path() }),/None => Policy::default(),/' watch::what_is_there_at_the_start
prove watch-policy-gone $watch 's/None if known\.had_policy/None if false \&\& known.had_policy/' watch_policy::a_policy_that_is_gone
prove watch-policy-bad $watch 's/known\.had_policy |= .*;/known.had_policy |= matches!(own, Ok(Some(_)));/' watch_policy::a_policy_that_is_gone
prove watch-trust      $watch 's/policy\.trust = self\.watch\.trust\.both(&policy\.trust);//' watch_policy::what_is_asked_of_all
prove watch-both       host/policy/src/trust.rs 's/require: self\.asks() || other\.asks()/require: self.require || other.require/' both_is_never_less tollgate-policy
prove watch-locked     $watch 's/policy\.trust\.lock = Some(only(lock, files));/let _ = lock;/' watch_policy::what_is_not_pinned
prove watch-complete   $rt/watch/files.rs 's/    lock\.complete = true;//; s/let mut lock = match/let lock = match/' watch_policy::what_is_not_pinned
prove watch-withdrawn  $watch 's/filter(|_| known\.is_behind(policy))/filter(|_| false \&\& known.is_behind(policy))/' watch_policy::a_key_that_is_not_trusted
prove watch-granted    $watch 's/if revokes(refusal\.kind) =>/if false \&\& revokes(refusal.kind) =>/' watch_policy::a_grant_that_is_taken_back
prove watch-held       $watch 's/with_lock_of(policy, &serving\.policy)/policy.clone()/' watch_policy::what_is_not_pinned
prove watch-again      $watch 's/known\.try_again(start\.elapsed());//' watch_policy::what_is_missing
prove watch-passing    $rt/watch/event.rs 's/                | LoadError::Host(_),/                ,/' watch_held::a_policy_that_could_not_be_held
prove watch-behind     $rt/watch/event.rs 's/behind && refusal/false \&\& behind \&\& refusal/' watch_held::a_policy_that_could_not_be_held
prove watch-ahead      $rt/watch/event.rs 's/behind && refusal/(behind || true) \&\& refusal/' watch_held::a_policy_that_could_not_be_held
prove watch-graver     $watch 's/Held::Not(graver) => Some(graver\.into()),/Held::Not(_) => Some(error.into()),/' watch_held::a_policy_that_could_not_be_held
prove watch-hold-all   $rt/watch/keeper.rs 's/self\.hold_all(look\.asked);//' watch_held::policies_hold_whatever
prove watch-vet-first  $rt/runtime.rs 's/let vetted = source\.vet(policy)?;/if policy.grants.wasi.as_ref().is_some_and(|it| it.stdio == Streams::Inherit) { return Err(LoadError::InheritedStdio); } &/' watch_held::what_a_program_cannot_keep
prove watch-told-once  $watch 's/if told && repeated {/if false \&\& told {/' watch_policy::what_is_missing
prove watch-given-up   $watch 's/policy, &self\.wake\.stopped)/policy, \&Default::default())/' watch_folder::compiling_for_nobody
prove watch-text       $watch 's/if !is_text(&path) {/if false \&\& !is_text(\&path) {/' watch_hostile::names_are_shown
prove watch-name       $rt/watch/event.rs 's/write!(f, "{}: ", escape::line(name))?;/write!(f, "{name}: ")?;/' watch_hostile::names_are_shown
prove watch-shown      $rt/watch/event.rs 's/f\.write_str(&escape::line(&text))/f.write_str(\&text)/' watch_hostile::names_are_shown
prove watch-entries    $rt/watch/files.rs 's/if number >= most {/if false \&\& number >= most {/' watch_hostile::a_flood_of_files
prove watch-empty      $rt/watch/keeper.rs 's/if paths\.is_empty() && self/if false \&\& self/' watch_folder::what_serves_goes_on_with_
prove watch-removed    $rt/watch/keeper.rs 's/            self\.publish(&name, None);//' watch::a_file_that_is_removed
prove watch-panic      $rt/watch/keeper.rs 's/catch_unwind(AssertUnwindSafe(|| tell(&event)))/Ok::<(), Box<dyn std::any::Any + Send>>(tell(\&event))/' watch_hostile::who_is_told
prove watch-follow     $rt/watch/place.rs 's/if moved || watched != Some(&found) {/if watched.is_none() {/' watch_folder::
prove watch-reading    $rt/watch/place.rs 's/EventKind::Access(_) => true/EventKind::Access(_) => false/' watch_policy::what_is_missing
prove watch-storm      $rt/watch/wake.rs 's/quiet\.min(settle\.saturating_mul(STORM).*)$/{ let _ = (first, STORM); quiet }/' watch_hostile::a_storm
prove watch-settle     $rt/watch/wake.rs 's/settle\.saturating_sub(last\.elapsed())/Duration::ZERO * last.elapsed().subsec_nanos()/' watch::wake tollgate
prove watch-every      $rt/watch/wake.rs 's/None => every\.saturating_sub(start\.elapsed())/None => (every * 1000).saturating_sub(start.elapsed())/' watch::what_nobody_tells_of
prove watch-dropped    $rt/watch.rs 's/        self\.wake\.stop();//' watch_folder::nothing_is_left
prove watch-stamps     $rt/watch/files.rs 's/(age > STEP + Duration::from_secs(1))/(age > STEP * 0)/' watch::files tollgate

[ -n "$edits" ] || printf '%s proved, %s not\n' "$proved" "$failed"
[ "$failed" -eq 0 ]
